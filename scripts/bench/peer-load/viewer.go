package main

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// Viewer counts what arrives and notices its first packet and its first whole key frame.
type Viewer struct {
	started     time.Time
	connected   atomic.Int64 // Nanoseconds after `started`; 0: not yet.
	firstPacket atomic.Int64
	firstFrame  atomic.Int64
	frame       chan struct{}
	close       func()

	mutex    sync.Mutex
	counted  uint64 // Packets of the window, each once.
	seen     map[uint64]struct{}
	delaysNs []int64
}

// Packets with these numbers are counted.
var windowFrom, windowTo atomic.Uint64

func newViewer() *Viewer {
	return &Viewer{started: time.Now(), frame: make(chan struct{}), seen: map[uint64]struct{}{}, close: func() {}}
}

func (v *Viewer) watch(connection *webrtc.PeerConnection) {
	connection.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateConnected {
			v.connected.CompareAndSwap(0, int64(time.Since(v.started)))
		}
	})
	connection.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			v.read(track)
		}
	})
}

func (v *Viewer) read(track *webrtc.TrackRemote) {
	buffer := make([]byte, 2048)
	var header rtp.Header
	var keyFrame uint32
	var have uint64
	for {
		length, _, err := track.Read(buffer)
		if err != nil {
			return
		}
		at, err := header.Unmarshal(buffer[:length])
		payload := buffer[at:length]
		if err != nil || len(payload) < infoEnd || payload[0] != 0x7c {
			continue
		}
		now := time.Now()
		if v.firstPacket.Load() == 0 {
			v.firstPacket.Store(int64(now.Sub(v.started)))
		}
		number := binary.BigEndian.Uint64(payload[atNumber:])
		if number >= windowFrom.Load() && number < windowTo.Load() {
			v.mutex.Lock()
			_, again := v.seen[number]
			if !again {
				v.seen[number] = struct{}{}
				v.counted++
			}
			if !again && number%16 == 0 {
				v.delaysNs = append(v.delaysNs, now.UnixNano()-int64(binary.BigEndian.Uint64(payload[atSentNs:])))
			}
			v.mutex.Unlock()
		}
		if v.firstFrame.Load() != 0 || payload[atKeyFrame] != 1 {
			continue
		}
		if frame := binary.BigEndian.Uint32(payload[atFrame:]); frame != keyFrame || have == 0 {
			keyFrame, have = frame, 0
		}
		have |= 1 << payload[atIndex]
		if bits.OnesCount64(have) == int(payload[atCount]) {
			v.firstFrame.Store(int64(now.Sub(v.started)))
			close(v.frame)
		}
	}
}

// waitFrame returns false when no whole key frame came in time.
func (v *Viewer) waitFrame(limit time.Duration) bool {
	select {
	case <-v.frame:
		return true
	case <-time.After(limit):
		return false
	}
}
