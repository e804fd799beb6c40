package main

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"
)

// Signaling of LiveKit with two peer connections (/rtc, protocol 15).
type liveKit struct{}

type liveKitSession struct {
	socket *websocket.Conn
	mutex  sync.Mutex
}

func (s *liveKitSession) send(request *livekit.SignalRequest) error {
	bytes, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.socket.WriteMessage(websocket.BinaryMessage, bytes)
}

func (s *liveKitSession) next() (*livekit.SignalResponse, error) {
	_, bytes, err := s.socket.ReadMessage()
	if err != nil {
		return nil, err
	}
	var got livekit.SignalResponse
	return &got, proto.Unmarshal(bytes, &got)
}

func (liveKit) open(url string) (*liveKitSession, []webrtc.ICEServer, error) {
	socket, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		return nil, nil, err
	}
	session := &liveKitSession{socket: socket}
	got, err := session.next()
	if err != nil {
		return nil, nil, err
	}
	join := got.GetJoin()
	if join == nil {
		return nil, nil, errors.New("livekit did not begin with join")
	}
	var servers []webrtc.ICEServer
	for _, one := range join.IceServers {
		servers = append(servers, webrtc.ICEServer{URLs: one.Urls, Username: one.Username, Credential: one.Credential})
	}
	return session, servers, nil
}

func (l liveKit) publish(url string, camera *Camera) error {
	session, servers, err := l.open(url)
	if err != nil {
		return err
	}
	connection, err := relayOnly(servers)
	if err != nil {
		return err
	}
	transceiver, err := connection.AddTransceiverFromTrack(camera.track,
		webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return err
	}
	go camera.readWishes(transceiver.Sender())
	err = session.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: &livekit.AddTrackRequest{
		Cid: camera.track.ID(), Name: "camera", Type: livekit.TrackType_VIDEO, Source: livekit.TrackSource_CAMERA,
		Width: 1280, Height: 720,
	}}})
	if err != nil {
		return err
	}
	sdp, err := localOffer(connection)
	if err != nil {
		return err
	}
	err = session.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Offer{
		Offer: &livekit.SessionDescription{Type: "offer", Sdp: sdp}}})
	if err != nil {
		return err
	}
	connected := whenConnected(connection)
	go l.serve(session, connection, livekit.SignalTarget_PUBLISHER)
	return connected()
}

func (l liveKit) view(url string, viewer *Viewer) error {
	session, servers, err := l.open(url)
	if err != nil {
		return err
	}
	connection, err := relayOnly(servers)
	if err != nil {
		return err
	}
	viewer.close = func() {
		_ = connection.Close()
		_ = session.socket.Close()
	}
	viewer.watch(connection)
	go l.serve(session, connection, livekit.SignalTarget_SUBSCRIBER)
	return nil
}

func (l liveKit) serve(session *liveKitSession, connection *webrtc.PeerConnection, target livekit.SignalTarget) {
	var early []webrtc.ICECandidateInit
	add := func(candidate webrtc.ICECandidateInit) {
		// A relay-only client would still connect to a TCP candidate directly.
		if !strings.Contains(strings.ToLower(candidate.Candidate), " tcp ") {
			complain(connection.AddICECandidate(candidate))
		}
	}
	described := func() {
		for _, candidate := range early {
			add(candidate)
		}
		early = nil
	}
	for {
		got, err := session.next()
		if err != nil {
			complain(err)
			return
		}
		switch message := got.Message.(type) {
		case *livekit.SignalResponse_Answer:
			complain(connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: message.Answer.Sdp}))
			described()
		case *livekit.SignalResponse_Offer:
			if target != livekit.SignalTarget_SUBSCRIBER {
				continue
			}
			sdp, err := localAnswer(connection, message.Offer.Sdp)
			complain(err)
			complain(session.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Answer{
				Answer: &livekit.SessionDescription{Type: "answer", Sdp: sdp, Id: message.Offer.Id}}}))
			described()
		case *livekit.SignalResponse_Trickle:
			if message.Trickle.Target != target {
				continue
			}
			var candidate webrtc.ICECandidateInit
			if json.Unmarshal([]byte(message.Trickle.CandidateInit), &candidate) != nil {
				continue
			}
			if connection.RemoteDescription() == nil {
				early = append(early, candidate)
			} else {
				add(candidate)
			}
		}
	}
}
