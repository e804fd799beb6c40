package main

import (
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

const h264 = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"

// A connection with H.264 only, as a camera has it, and pion's own interceptors: reports, NACK, transport-wide feedback.
func newConnection(settings webrtc.SettingEngine, configuration webrtc.Configuration) (*webrtc.PeerConnection, error) {
	media := &webrtc.MediaEngine{}
	feedback := []webrtc.RTCPFeedback{{Type: "ccm", Parameter: "fir"}, {Type: "nack"}, {Type: "nack", Parameter: "pli"}}
	for _, codec := range []webrtc.RTPCodecParameters{
		{PayloadType: 106, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: h264, RTCPFeedback: feedback}},
		{PayloadType: 107, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=106"}},
	} {
		if err := media.RegisterCodec(codec, webrtc.RTPCodecTypeVideo); err != nil {
			return nil, err
		}
	}
	registry := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(media, registry); err != nil {
		return nil, err
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry),
		webrtc.WithSettingEngine(settings))
	return api.NewPeerConnection(configuration)
}
