// The same work by Pion's SRTP library, as Debian packages it: SRTP in, one pion session per viewer out, all on
// one UDP socket. A child of ../sfu.ts; it speaks sfu-protocol.ts over Node's IPC channel (a JSON value per line).
// It repairs nothing and reports nothing: no retransmission store, no sender reports.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v2"
)

// The same values as in sfu-protocol.ts and sfu-core-server.ts.
const (
	serverAddress      = "127.0.12.200"
	viewerPort         = 41_000
	serverReceiveBytes = 1 << 20
	payloadType        = 102
	firstViewerSSRC    = 1000
	midExtensionID     = 1
	profile            = srtp.ProtectionProfileAeadAes128Gcm
	maxDatagramBytes   = 1500
)

type command struct {
	Type string `json:"type"`
}

type ready struct {
	Type string `json:"type"`
	Port int    `json:"port"`
}

type mark struct {
	Type      string `json:"type"`
	Packets   uint64 `json:"packets"`
	Published uint64 `json:"published"`
	Broken    uint64 `json:"broken"`
}

// benchKeys are the fixed keys of a peer; 0 is the publisher. Local is what the server protects with.
func benchKeys(peer int) srtp.SessionKeys {
	side := func(value int) (key, salt []byte) {
		return bytes.Repeat([]byte{byte(value)}, 16), bytes.Repeat([]byte{byte(value)}, 12)
	}
	var keys srtp.SessionKeys
	keys.LocalMasterKey, keys.LocalMasterSalt = side(peer*2 + 1)
	keys.RemoteMasterKey, keys.RemoteMasterSalt = side(peer*2 + 2)
	return keys
}

// viewerConn is one viewer on the shared socket. Viewers of this benchmark send nothing, so Read only waits.
type viewerConn struct {
	net.Conn // Deadlines and addresses, which a session does not ask for while it sends.
	socket   *net.UDPConn
	to       netip.AddrPort
}

func (conn *viewerConn) Read([]byte) (int, error) { select {} }

func (conn *viewerConn) Write(datagram []byte) (int, error) {
	return conn.socket.WriteToUDPAddrPort(datagram, conn.to)
}

type viewer struct {
	stream *srtp.WriteStreamSRTP
	ssrc   uint32
}

func connectViewers(socket *net.UDPConn, count int) ([]viewer, error) {
	viewers := make([]viewer, 0, count)
	for at := 0; at < count; at++ {
		conn := &viewerConn{
			Conn:   socket,
			socket: socket,
			to:     netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 12, byte(at + 1)}), viewerPort),
		}
		session, err := srtp.NewSessionSRTP(conn, &srtp.Config{Keys: benchKeys(at + 1), Profile: profile})
		if err != nil {
			return nil, fmt.Errorf("viewer %d: %w", at, err)
		}
		stream, err := session.OpenWriteStream()
		if err != nil {
			return nil, fmt.Errorf("viewer %d: %w", at, err)
		}
		viewers = append(viewers, viewer{stream: stream, ssrc: firstViewerSSRC + uint32(at)})
	}
	return viewers, nil
}

type forwarder struct {
	socket    *net.UDPConn
	publisher *srtp.Context
	viewers   []viewer
	packets   atomic.Uint64
	published atomic.Uint64
	broken    atomic.Uint64
}

// run forwards until the socket fails.
func (f *forwarder) run() error {
	in := make([]byte, maxDatagramBytes)
	plain := make([]byte, maxDatagramBytes)
	mid := []byte("0")
	for {
		size, _, err := f.socket.ReadFromUDPAddrPort(in)
		if err != nil {
			return err
		}
		var header rtp.Header
		opened, err := f.publisher.DecryptRTP(plain[:0], in[:size], &header)
		if err != nil {
			f.broken.Add(1)
			continue
		}
		f.published.Add(1)
		payload := opened[header.MarshalSize():]
		header.PayloadType = payloadType
		if err := header.SetExtension(midExtensionID, mid); err != nil {
			return err
		}
		for _, to := range f.viewers {
			header.SSRC = to.ssrc
			if _, err := to.stream.WriteRTP(&header, payload); err != nil {
				f.broken.Add(1)
				continue
			}
			f.packets.Add(1)
		}
	}
}

// serve answers the parent until it hangs up.
func (f *forwarder) serve(channel io.ReadWriter) error {
	out := json.NewEncoder(channel)
	port := f.socket.LocalAddr().(*net.UDPAddr).Port
	if err := out.Encode(ready{Type: "ready", Port: port}); err != nil {
		return err
	}
	lines := bufio.NewScanner(channel)
	for lines.Scan() {
		var asked command
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			return err
		}
		if asked.Type != "mark" {
			continue
		}
		answer := mark{"mark", f.packets.Load(), f.published.Load(), f.broken.Load()}
		if err := out.Encode(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

func start() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: pion-forwarder VIEWERS")
	}
	count, err := strconv.Atoi(os.Args[1])
	if err != nil || count < 1 || count > 250 {
		return fmt.Errorf("VIEWERS must be 1 to 250, not %q", os.Args[1])
	}
	fd, err := strconv.Atoi(os.Getenv("NODE_CHANNEL_FD"))
	if err != nil {
		return fmt.Errorf("start me from sfu.ts: there is no IPC channel")
	}
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(serverAddress)})
	if err != nil {
		return err
	}
	if err := socket.SetReadBuffer(serverReceiveBytes); err != nil {
		return err
	}
	keys := benchKeys(0)
	publisher, err := srtp.CreateContext(
		keys.RemoteMasterKey, keys.RemoteMasterSalt, profile, srtp.SRTPReplayProtection(1024))
	if err != nil {
		return err
	}
	viewers, err := connectViewers(socket, count)
	if err != nil {
		return err
	}
	f := &forwarder{socket: socket, publisher: publisher, viewers: viewers}
	go func() {
		fmt.Fprintln(os.Stderr, "pion-forwarder:", f.run())
		os.Exit(1)
	}()
	return f.serve(os.NewFile(uintptr(fd), "ipc"))
}

func main() {
	if err := start(); err != nil {
		fmt.Fprintln(os.Stderr, "pion-forwarder:", err)
		os.Exit(1)
	}
}
