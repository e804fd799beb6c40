package main

import (
	"encoding/json"
	"errors"
	"sync"

	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"
)

// Signaling of our SFU (daemon/contract/signaling.ts), flat frames.
type turnkeep struct{ room string }

type frame struct {
	Type       string `json:"type"`
	Connection string `json:"connection,omitempty"`
	RoomID     string `json:"roomId,omitempty"`
	SDP        string `json:"sdp,omitempty"`
	Code       string `json:"code,omitempty"`
	Message    string `json:"message,omitempty"`
	Tracks     []any  `json:"tracks,omitempty"`
	IceServers []struct {
		URLs       any    `json:"urls"`
		Username   string `json:"username"`
		Credential string `json:"credential"`
	} `json:"iceServers,omitempty"`
}

type turnkeepSession struct {
	socket *websocket.Conn
	mutex  sync.Mutex
}

func (s *turnkeepSession) send(value frame) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.socket.WriteJSON(value)
}

func (s *turnkeepSession) next() (frame, error) {
	var got frame
	_, text, err := s.socket.ReadMessage()
	if err != nil {
		return got, err
	}
	if err := json.Unmarshal(text, &got); err != nil {
		return got, err
	}
	if got.Type == "error" {
		return got, errors.New(got.Code + ": " + got.Message)
	}
	return got, nil
}

// open joins the room and makes a relay-only connection with the credentials that come.
func (t turnkeep) open(url string) (*turnkeepSession, *webrtc.PeerConnection, error) {
	socket, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		return nil, nil, err
	}
	session := &turnkeepSession{socket: socket}
	if err := session.send(frame{Type: "join", RoomID: t.room}); err != nil {
		return nil, nil, err
	}
	for {
		got, err := session.next()
		if err != nil {
			return nil, nil, err
		}
		if got.Type != "turn-credentials" {
			continue
		}
		var servers []webrtc.ICEServer
		for _, one := range got.IceServers {
			servers = append(servers, webrtc.ICEServer{
				URLs: texts(one.URLs), Username: one.Username, Credential: one.Credential,
			})
		}
		connection, err := relayOnly(servers)
		return session, connection, err
	}
}

func texts(value any) []string {
	if one, ok := value.(string); ok {
		return []string{one}
	}
	var out []string
	many, _ := value.([]any)
	for _, one := range many {
		if text, ok := one.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

func (t turnkeep) publish(url string, camera *Camera) error {
	session, connection, err := t.open(url)
	if err != nil {
		return err
	}
	transceiver, err := connection.AddTransceiverFromTrack(camera.track,
		webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return err
	}
	go camera.readWishes(transceiver.Sender())
	sdp, err := localOffer(connection)
	if err != nil {
		return err
	}
	err = session.send(frame{Type: "offer", Connection: "publish", RoomID: t.room, SDP: sdp,
		Tracks: []any{map[string]string{"mid": "0", "source": "camera"}}})
	if err != nil {
		return err
	}
	connected := whenConnected(connection)
	go t.serve(session, connection, "publish")
	return connected()
}

func (t turnkeep) view(url string, viewer *Viewer) error {
	session, connection, err := t.open(url)
	if err != nil {
		return err
	}
	viewer.close = func() {
		_ = connection.Close()
		_ = session.socket.Close()
	}
	viewer.watch(connection)
	go t.serve(session, connection, "subscribe")
	return nil
}

func (t turnkeep) serve(session *turnkeepSession, connection *webrtc.PeerConnection, which string) {
	for {
		got, err := session.next()
		if err != nil {
			complain(err)
			return
		}
		if got.Connection != which {
			continue
		}
		switch got.Type {
		case "answer":
			complain(connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: got.SDP}))
		case "offer":
			sdp, err := localAnswer(connection, got.SDP)
			complain(err)
			complain(session.send(frame{Type: "answer", Connection: which, SDP: sdp}))
		}
	}
}
