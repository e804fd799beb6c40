// One camera and many viewers, relay-only, at our service or at LiveKit: the load of `npm run bench -- pair|late|storm`.
// Reads its job as one line of JSON, then `begin` and `end` lines (pair), and answers with lines of JSON.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"
)

type job struct {
	Server    string   `json:"server"`
	Work      string   `json:"work"` // pair, late or storm
	Room      string   `json:"room"`
	Publisher string   `json:"publisher"` // URLs of signaling with the credential
	Viewers   []string `json:"viewers"`
}

type server interface {
	publish(url string, camera *Camera) error
	view(url string, viewer *Viewer) error
}

const (
	connectLimit = 30 * time.Second
	frameLimit   = 20 * time.Second
	joinGap      = 40 * time.Millisecond
	drain        = time.Second
)

var ending atomic.Bool

func complain(err error) {
	// A viewer that has seen enough closes its socket under the reader.
	if err != nil && !ending.Load() && !errors.Is(err, net.ErrClosed) {
		fmt.Fprintln(os.Stderr, "load generator:", err)
	}
}

func say(value any) {
	text, _ := json.Marshal(value)
	fmt.Println(string(text))
}

// Relay-only; without pion's own wait of two seconds before a relayed pair is nominated.
func relayOnly(servers []webrtc.ICEServer) (*webrtc.PeerConnection, error) {
	var settings webrtc.SettingEngine
	settings.SetRelayAcceptanceMinWait(0)
	settings.SetIncludeLoopbackCandidate(true)
	return newConnection(settings, webrtc.Configuration{
		ICEServers: servers, ICETransportPolicy: webrtc.ICETransportPolicyRelay,
	})
}

func localOffer(connection *webrtc.PeerConnection) (string, error) {
	offer, err := connection.CreateOffer(nil)
	if err != nil {
		return "", err
	}
	return gathered(connection, offer)
}

func localAnswer(connection *webrtc.PeerConnection, offer string) (string, error) {
	err := connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer})
	if err != nil {
		return "", err
	}
	answer, err := connection.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	return gathered(connection, answer)
}

func gathered(connection *webrtc.PeerConnection, description webrtc.SessionDescription) (string, error) {
	done := webrtc.GatheringCompletePromise(connection)
	if err := connection.SetLocalDescription(description); err != nil {
		return "", err
	}
	<-done
	return connection.LocalDescription().SDP, nil
}

func whenConnected(connection *webrtc.PeerConnection) func() error {
	up := make(chan struct{}, 1)
	connection.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateConnected {
			select {
			case up <- struct{}{}:
			default:
			}
		}
	})
	return func() error {
		select {
		case <-up:
			return nil
		case <-time.After(connectLimit):
			return errors.New("the camera did not connect")
		}
	}
}

func main() {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<22)
	var work job
	if !input.Scan() || json.Unmarshal(input.Bytes(), &work) != nil {
		fmt.Fprintln(os.Stderr, "load generator: no job")
		os.Exit(1)
	}
	if err := run(work, input); err != nil {
		fmt.Fprintln(os.Stderr, "load generator:", err)
		os.Exit(1)
	}
	ending.Store(true)
}

func run(work job, input *bufio.Scanner) error {
	var at server = liveKit{}
	if work.Server == "turnkeep" {
		at = turnkeep{room: work.Room}
	}
	camera, err := newCamera()
	if err != nil {
		return err
	}
	if err := at.publish(work.Publisher, camera); err != nil {
		return err
	}
	go camera.run()
	time.Sleep(time.Second)
	switch work.Work {
	case "pair":
		return pair(at, camera, work.Viewers, input)
	case "late":
		return late(at, camera, work.Viewers)
	case "storm":
		return storm(at, camera, work.Viewers)
	}
	return errors.New("no such work")
}

func pair(at server, camera *Camera, urls []string, input *bufio.Scanner) error {
	var viewers []*Viewer
	for _, url := range urls {
		viewer := newViewer()
		if err := at.view(url, viewer); err != nil {
			return err
		}
		viewers = append(viewers, viewer)
		time.Sleep(joinGap)
	}
	for _, viewer := range viewers {
		if !viewer.waitFrame(frameLimit) {
			return errors.New("a viewer has no picture")
		}
	}
	time.Sleep(2 * time.Second)
	say(map[string]any{"type": "ready"})
	if !input.Scan() {
		return nil
	}
	lateBefore := camera.lateFrames.Load()
	windowTo.Store(1 << 62)
	from := camera.next.Load()
	windowFrom.Store(from)
	if !input.Scan() {
		return nil
	}
	to := camera.next.Load()
	windowTo.Store(to)
	lateFrames := camera.lateFrames.Load() - lateBefore
	time.Sleep(drain)
	received := uint64(0)
	var delays []int64
	for _, viewer := range viewers {
		viewer.mutex.Lock()
		received += viewer.counted
		delays = append(delays, viewer.delaysNs...)
		viewer.mutex.Unlock()
	}
	slices.Sort(delays)
	part := func(share float64) float64 {
		if len(delays) == 0 {
			return 0
		}
		return float64(delays[int(float64(len(delays)-1)*share)]) / 1e6
	}
	say(map[string]any{"type": "counted", "offered": to - from, "received": received,
		"lateFrames": lateFrames, "delayMs50": part(0.5), "delayMs99": part(0.99)})
	return nil
}

func ms(nanoseconds int64) float64 { return float64(nanoseconds) / 1e6 }

func late(at server, camera *Camera, urls []string) error {
	for _, url := range urls {
		camera.afterKeyFrame(time.Second)
		viewer := newViewer()
		if err := at.view(url, viewer); err != nil {
			return err
		}
		if !viewer.waitFrame(frameLimit) {
			return errors.New("a viewer has no picture")
		}
		say(map[string]any{"type": "late", "connectedMs": ms(viewer.connected.Load()),
			"packetMs": ms(viewer.firstPacket.Load()), "frameMs": ms(viewer.firstFrame.Load())})
		viewer.close()
	}
	return nil
}

func storm(at server, camera *Camera, urls []string) error {
	camera.afterKeyFrame(0)
	wishes := camera.wishes.Load()
	first := time.Now()
	viewers := make([]*Viewer, len(urls))
	failed := make(chan error, len(urls))
	for index, url := range urls {
		time.Sleep(time.Until(first.Add(time.Duration(index) * time.Second / time.Duration(len(urls)))))
		viewers[index] = newViewer()
		go func() { failed <- at.view(url, viewers[index]) }()
	}
	for range urls {
		if err := <-failed; err != nil {
			return err
		}
	}
	var all time.Duration
	var own []float64
	for _, viewer := range viewers {
		if !viewer.waitFrame(frameLimit) {
			return errors.New("a viewer has no picture")
		}
		frame := time.Duration(viewer.firstFrame.Load())
		all = max(all, viewer.started.Add(frame).Sub(first))
		own = append(own, ms(int64(frame)))
	}
	slices.Sort(own)
	say(map[string]any{"type": "storm", "allMs": ms(int64(all)), "medianMs": own[len(own)/2],
		"wishes": camera.wishes.Load() - wishes})
	return nil
}
