package main

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// The stream of the other benchmarks: 720p-like H.264, 30 frames/s, a key frame in two seconds, 2.5 Mbit/s.
const (
	payloadBytes    = 1116
	framesPerGroup  = 60
	keyFramePackets = 48
	framePackets    = 9
)

var frameTime = time.Second / 30

// What each payload says after the two bytes of its fragmentation header (RFC 6184 section 5.8).
const (
	atSlice    = 2  // First macroblock 0 and the type of slice, I or P.
	atNumber   = 3  // uint64: of the packet in the stream.
	atSentNs   = 11 // int64: wall clock.
	atFrame    = 19 // uint32
	atIndex    = 23 // Of the packet in its frame.
	atCount    = 24 // Packets of the frame.
	atKeyFrame = 25
	infoEnd    = 26
)

// Baseline 3.1, 1280x720; small NAL units of their own in front of each key frame.
var (
	sps = []byte{0x67, 0x42, 0xc0, 0x1f, 0xd9, 0x00, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0xc0, 0xf1, 0x83, 0x24, 0x80}
	pps = []byte{0x68, 0xcb, 0x83, 0xcb, 0x20}
)

// Camera sends the stream and ignores every wish for a key frame, as our reference camera does; it counts them.
type Camera struct {
	track       *webrtc.TrackLocalStaticRTP
	next        atomic.Uint64 // Number of the next media packet.
	wishes      atomic.Int64
	lateFrames  atomic.Int64 // Sent more than a frame's time behind the plan.
	mutex       sync.Mutex
	lastKeyTime time.Time
}

func newCamera() (*Camera, error) {
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{
		MimeType:    webrtc.MimeTypeH264,
		ClockRate:   90000,
		SDPFmtpLine: h264,
	}, "camera", "bench")
	return &Camera{track: track}, err
}

func (c *Camera) readWishes(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				c.wishes.Add(1)
			}
		}
	}
}

func (c *Camera) run() {
	sequence := uint16(1000)
	start := time.Now()
	write := func(payload []byte, frame uint32, marker bool) {
		_ = c.track.WriteRTP(&rtp.Packet{
			Header: rtp.Header{
				Version: 2, SequenceNumber: sequence, Timestamp: frame * 3000, Marker: marker,
			},
			Payload: payload,
		})
		sequence++
	}
	for frame := uint32(0); ; frame++ {
		due := start.Add(time.Duration(frame) * frameTime)
		time.Sleep(time.Until(due))
		if time.Since(due) > frameTime {
			c.lateFrames.Add(1)
		}
		key := frame%framesPerGroup == 0
		count, unit := framePackets, byte(1)
		if key {
			count, unit = keyFramePackets, 5
			write(sps, frame, false)
			write(pps, frame, false)
			c.mutex.Lock()
			c.lastKeyTime = time.Now()
			c.mutex.Unlock()
		}
		for at := range count {
			payload := make([]byte, payloadBytes)
			for fill := range payload {
				payload[fill] = 0x55
			}
			payload[0], payload[1] = 0x7c, unit
			if at == 0 {
				payload[1] |= 0x80
			}
			if at == count-1 {
				payload[1] |= 0x40
			}
			payload[atSlice] = 0x98
			if key {
				payload[atSlice] = 0x88
			}
			binary.BigEndian.PutUint64(payload[atNumber:], c.next.Load())
			binary.BigEndian.PutUint64(payload[atSentNs:], uint64(time.Now().UnixNano()))
			binary.BigEndian.PutUint32(payload[atFrame:], frame)
			payload[atIndex], payload[atCount] = byte(at), byte(count)
			if key {
				payload[atKeyFrame] = 1
			}
			write(payload, frame, at == count-1)
			c.next.Add(1)
		}
	}
}

// afterKeyFrame waits for a key frame that begins from now on, and then for `more`.
func (c *Camera) afterKeyFrame(more time.Duration) {
	asked := time.Now()
	for {
		c.mutex.Lock()
		last := c.lastKeyTime
		c.mutex.Unlock()
		if last.After(asked) {
			time.Sleep(time.Until(last.Add(more)))
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}
