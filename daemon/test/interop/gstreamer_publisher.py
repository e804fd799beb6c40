"""A GStreamer webrtcbin publisher, driven over stdin and stdout with one JSON object a line.

argv: CODEC (h264, h264-main, vp8, vp9) TURN_URI (turn://user:password@host:port, percent-encoded) [WIDTHxHEIGHT]
out:  {"offer": SDP} with all candidates, {"connection": STATE}, {"error": TEXT}
in:   {"answer": SDP}; the end of input ends the program.
"""

import json
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

ENCODERS = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 bitrate=600"
    " ! video/x-h264,profile=constrained-baseline ! h264parse"
    " ! rtph264pay config-interval=-1 aggregate-mode=zero-latency"
    " ! application/x-rtp,media=video,encoding-name=H264,payload=96",
    "h264-main": "x264enc tune=zerolatency speed-preset=veryfast dct8x8=false key-int-max=30 bitrate=600"
    " ! video/x-h264,profile=main ! h264parse"
    " ! rtph264pay config-interval=-1 aggregate-mode=zero-latency"
    " ! application/x-rtp,media=video,encoding-name=H264,payload=96",
    "vp8": "vp8enc deadline=1 keyframe-max-dist=30 ! rtpvp8pay"
    " ! application/x-rtp,media=video,encoding-name=VP8,payload=96",
    "vp9": "vp9enc deadline=1 cpu-used=8 keyframe-max-dist=30 ! rtpvp9pay"
    " ! application/x-rtp,media=video,encoding-name=VP9,payload=96",
}


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main():
    codec, turn = sys.argv[1:3]
    width, height = (sys.argv[3] if len(sys.argv) > 3 else "320x240").split("x")
    Gst.init(None)
    pipeline = Gst.parse_launch(
        "webrtcbin name=peer bundle-policy=max-bundle ice-transport-policy=relay"
        f" turn-server={turn}"
        " videotestsrc is-live=true pattern=ball"
        f" ! video/x-raw,format=I420,width={width},height={height},framerate=30/1 ! queue"
        f" ! {ENCODERS[codec]} ! peer."
        " audiotestsrc is-live=true wave=silence ! audioconvert ! opusenc ! rtpopuspay"
        " ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! peer."
    )
    peer = pipeline.get_by_name("peer")
    loop = GLib.MainLoop()
    offered = threading.Event()

    def on_offer(promise):
        # The reply owns the offer: it must live until the offer has been taken.
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        peer.emit("set-local-description", offer, Gst.Promise.new())

    def on_negotiation_needed(_element):
        if not offered.is_set():
            promise = Gst.Promise.new_with_change_func(on_offer)
            peer.emit("create-offer", None, promise)

    def on_gathering(_element, _property):
        state = peer.get_property("ice-gathering-state")
        if state == GstWebRTC.WebRTCICEGatheringState.COMPLETE and not offered.is_set():
            offered.set()
            say({"offer": peer.get_property("local-description").sdp.as_text()})

    def on_connection(_element, _property):
        say({"connection": peer.get_property("connection-state").value_nick})

    def on_error(_bus, message):
        say({"error": str(message.parse_error())})
        loop.quit()

    def read_input():
        for line in sys.stdin:
            answer = json.loads(line).get("answer")
            if answer is None:
                continue
            _result, sdp = GstSdp.SDPMessage.new_from_text(answer)
            description = GstWebRTC.WebRTCSessionDescription.new(
                GstWebRTC.WebRTCSDPType.ANSWER, sdp
            )
            GLib.idle_add(
                peer.emit, "set-remote-description", description, Gst.Promise.new()
            )
        GLib.idle_add(loop.quit)

    peer.connect("on-negotiation-needed", on_negotiation_needed)
    peer.connect("notify::ice-gathering-state", on_gathering)
    peer.connect("notify::connection-state", on_connection)
    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message::error", on_error)
    threading.Thread(target=read_input, daemon=True).start()
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    pipeline.set_state(Gst.State.NULL)


main()
