// UDP sockets in batches: recvmmsg and sendmmsg with segmentation offload (UDP_GRO, UDP_SEGMENT), one call into
// JavaScript for all that a turn of the event loop received. No thread. JavaScript and this file share four blocks:
//   memory    bytes  SLOTS receive slots, then the arena, into which JavaScript copies what did not come from a slot
//   received  int32  RECEIVED_INTS for each datagram: socket, offset, length, port | 65536 for IPv6, address (4), scope
//   sends     int32  SEND_INTS for each datagram: socket, port | 65536 for IPv6, address (4), scope, header, offset,
//                    length; a header other than 0 goes in front, in network byte order. Then, for an RTP packet that
//                    is to be protected on its way out, or 0: SRTP context, rollover counter, bytes of the RTP header
//                    that is at the offset already, offset of the payload; the length is that of the protected packet
//   control   int32  [0] datagrams in `sends`, [1] bytes used of the arena, [2] flushes so far, [3] datagrams that may
//                    wait for more of their picture, [4] 1: its end is there; then FAILURE_INTS for each socket whose
//                    sends failed: socket, sends that found the kernel's buffer full, sends refused for another reason
// Addresses are the bytes of the network, padded with zeros. Whatever JavaScript writes is checked before it is used.
// Sockets are small numbers; a number is given to another socket only in a later turn of the event loop.
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <node_api.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>
#include "srtp.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace {

// Of the blocks and functions described above, as addon-layout.ts has it: another number means another release's addon.
constexpr uint32_t LAYOUT = 3;
constexpr int SLOTS = 128;
// The largest datagram, and so much more that neighbours do not fall into the same lines of the cache.
constexpr size_t SLOT_BYTES = 65536 + 1536;
// So much that a full list of packets of one MTU leaves at once: an SFU's packets all lie here.
constexpr size_t ARENA_BYTES = 1536 * 1024;
constexpr size_t MEMORY_BYTES = SLOTS * SLOT_BYTES + ARENA_BYTES;
constexpr int RECEIVE_BATCH = 64;
constexpr int MAX_RECEIVED = 2048;
constexpr int RECEIVED_INTS = 9;
constexpr int MAX_SENDS = 1024;
constexpr int SEND_INTS = 14;
constexpr int DESTINATION_INTS = 7;  // Of a send: socket and where to.
constexpr int MAX_FAILURES = 64;
constexpr int FAILURE_INTS = 3;
constexpr int FAILURES_AT = 5;
// So long a picture's packets may wait for the rest of it, when so many do: segments of one message cost a third of
// single datagrams, here and at the relay, and nobody can show a picture before its last packet.
constexpr uint64_t PATIENCE_MS = 4;
constexpr int MIN_PATIENT = 8;
constexpr int CONTROL_INTS = FAILURES_AT + MAX_FAILURES * FAILURE_INTS;
constexpr int IPV6 = 0x10000;
constexpr size_t MAX_SOCKETS = 65536;
constexpr int TABLE = 2048;  // Power of two, at least twice MAX_SENDS.
// The kernel takes 64 segments everywhere, and one datagram's worth of bytes.
constexpr int MAX_SEGMENTS = 64;
constexpr size_t MAX_SEGMENTED_BYTES = 65000;
// After a refusal segments of that size go one by one; a path may grow again, so it is tried anew after so many flushes.
constexpr uint32_t SEGMENT_RETRY_FLUSHES = 4096;

struct Addon;

union Address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

struct Socket {
  uv_poll_t poll;
  Addon* addon = nullptr;
  int fd = -1;
  uint32_t index = 0;
  int family = AF_INET;
  int32_t full = 0;
  int32_t failed = 0;
  bool listed = false;    // In Addon::failing.
  int first_group = -1;   // Of the flush under way.
  int last_group = -1;
  bool segmentation = false;
  size_t max_segment = 0;  // Larger ones go one by one.
  uint32_t retry_at = 0;
};

struct Group {
  int first;
  int last;
  int next;  // Of the same socket.
};

struct SegmentSize {
  alignas(cmsghdr) char bytes[CMSG_SPACE(sizeof(uint16_t))];
};
struct Coalesced {
  alignas(cmsghdr) char bytes[CMSG_SPACE(sizeof(int))];
};

struct Addon {
  napi_env env = nullptr;
  uv_loop_t* loop = nullptr;
  uint8_t* memory = nullptr;
  int32_t* received = nullptr;
  int32_t* sends = nullptr;
  int32_t* control = nullptr;
  napi_ref refs[4] = {};
  napi_ref callback = nullptr;
  napi_async_cleanup_hook_handle cleanup = nullptr;
  uv_prepare_t prepare;
  uv_check_t check;
  uv_timer_t patience;
  bool waiting = false;  // The timer runs.
  srtp::Contexts contexts;
  int open_handles = 0;
  bool closing = false;
  bool dispatching = false;
  std::vector<Socket*> sockets;  // nullptr: free.
  std::vector<Socket*> failing;
  uint32_t flushes = 0;
  // Receiving.
  int used = 0;   // Slots.
  int count = 0;  // Datagrams.
  mmsghdr in[RECEIVE_BATCH];
  iovec in_bytes[RECEIVE_BATCH];
  Address from[RECEIVE_BATCH];
  Coalesced in_control[RECEIVE_BATCH];
  // Sending.
  int next[MAX_SENDS];
  Group groups[MAX_SENDS];
  uint32_t table_epoch[TABLE];
  uint16_t table[TABLE];
  uint32_t headers[MAX_SENDS];
  mmsghdr out[MAX_SENDS];
  iovec out_bytes[2 * MAX_SENDS];
  Address to[MAX_SENDS];
  SegmentSize out_control[MAX_SENDS];
  int parts[MAX_SENDS];
};

Addon* addon_of(napi_env env) {
  void* data = nullptr;
  return napi_get_instance_data(env, &data) == napi_ok ? static_cast<Addon*>(data) : nullptr;
}

Socket* socket_at(Addon* addon, int64_t index) {
  if (index < 0 || static_cast<uint64_t>(index) >= addon->sockets.size()) return nullptr;
  Socket* socket = addon->sockets[static_cast<size_t>(index)];
  return socket == nullptr || socket->fd < 0 ? nullptr : socket;
}

// ---- sending -------------------------------------------------------------------------------------------

void note(Socket* socket, int32_t* counter, int by) {
  *counter += by;
  if (socket->listed) return;
  socket->listed = true;
  socket->addon->failing.push_back(socket);
}

socklen_t write_address(const int32_t* destination, Address* to) {
  uint16_t port = htons(static_cast<uint16_t>(destination[1] & 0xffff));
  if ((destination[1] & IPV6) == 0) {
    to->v4 = {};
    to->v4.sin_family = AF_INET;
    to->v4.sin_port = port;
    memcpy(&to->v4.sin_addr, destination + 2, sizeof(to->v4.sin_addr));
    return sizeof(to->v4);
  }
  to->v6 = {};
  to->v6.sin6_family = AF_INET6;
  to->v6.sin6_port = port;
  memcpy(&to->v6.sin6_addr, destination + 2, sizeof(to->v6.sin6_addr));
  to->v6.sin6_scope_id = static_cast<uint32_t>(destination[6]);
  return sizeof(to->v6);
}

bool is_valid(Socket* socket, const int32_t* send) {
  int64_t offset = send[8];
  int64_t length = send[9];
  return offset >= 0 && length >= 0 && length <= 65535 && offset + length <= static_cast<int64_t>(MEMORY_BYTES) &&
         ((send[1] & IPV6) != 0) == (socket->family == AF_INET6);
}

// After is_valid. The payload is read only: parts of it that lie in the packet itself spoil nothing but the packet.
bool protect(Addon* addon, const int32_t* send) {
  srtp::Context* context = addon->contexts.find(send[10]);
  int64_t length = send[9];
  int64_t header = send[12];
  int64_t payload = send[13];
  // Less than the whole packet is read of the payload, so this bound is enough.
  if (context == nullptr || header < 0 || header > length || payload < 0 ||
      payload + length > static_cast<int64_t>(MEMORY_BYTES)) {
    return false;
  }
  return srtp::seal(context, addon->memory + send[8], static_cast<size_t>(header), addon->memory + payload,
                    static_cast<size_t>(length), static_cast<uint32_t>(send[11]));
}

uint32_t hash_of(const int32_t* send) {
  uint32_t hash = static_cast<uint32_t>(send[0]) * 0x9e3779b1u ^ static_cast<uint32_t>(send[1]) * 0x85ebca6bu;
  hash ^= static_cast<uint32_t>(send[2]) * 0xc2b2ae35u ^ static_cast<uint32_t>(send[5]) * 0x27d4eb2fu;
  return hash ^ hash >> 15;
}

size_t bytes_of(const int32_t* send) { return static_cast<size_t>(send[9]) + (send[7] != 0 ? 4 : 0); }

// Sorts the sends by socket and destination; within one destination they keep their order.
int group_sends(Addon* addon, int count, Socket** touched) {
  int groups = 0;
  int sockets = 0;
  for (int at = 0; at < count; at += 1) {
    const int32_t* send = addon->sends + at * SEND_INTS;
    Socket* socket = socket_at(addon, send[0]);
    if (socket == nullptr) continue;
    if (!is_valid(socket, send) || (send[10] != 0 && !protect(addon, send))) {
      note(socket, &socket->failed, 1);
      continue;
    }
    addon->next[at] = -1;
    uint32_t place = hash_of(send) & (TABLE - 1);
    for (;; place = (place + 1) & (TABLE - 1)) {
      if (addon->table_epoch[place] != addon->flushes) break;
      const int32_t* other = addon->sends + addon->groups[addon->table[place]].first * SEND_INTS;
      if (memcmp(other, send, DESTINATION_INTS * sizeof(int32_t)) == 0) break;
    }
    if (addon->table_epoch[place] == addon->flushes) {
      Group* group = &addon->groups[addon->table[place]];
      addon->next[group->last] = at;
      group->last = at;
      continue;
    }
    addon->table_epoch[place] = addon->flushes;
    addon->table[place] = static_cast<uint16_t>(groups);
    addon->groups[groups] = {at, at, -1};
    if (socket->first_group < 0) {
      socket->first_group = groups;
      touched[sockets++] = socket;
    } else {
      addon->groups[socket->last_group].next = groups;
    }
    socket->last_group = groups;
    groups += 1;
  }
  return sockets;
}

// The messages of one socket; each holds one datagram, or several of one size to one destination.
int build_messages(Addon* addon, Socket* socket) {
  int messages = 0;
  int vectors = 0;
  for (int group = socket->first_group; group >= 0; group = addon->groups[group].next) {
    for (int at = addon->groups[group].first; at >= 0;) {
      const int32_t* send = addon->sends + at * SEND_INTS;
      size_t size = bytes_of(send);
      size_t total = 0;
      int segments = 0;
      int first_vector = vectors;
      bool can_segment = size > 0 && size <= socket->max_segment;
      for (bool last = false; at >= 0 && !last; at = addon->next[at]) {
        const int32_t* part = addon->sends + at * SEND_INTS;
        size_t length = bytes_of(part);
        if (segments > 0 && (!can_segment || length > size || length == 0 || segments == MAX_SEGMENTS ||
                             total + length > MAX_SEGMENTED_BYTES)) {
          break;
        }
        if (part[7] != 0) {
          addon->headers[at] = htonl(static_cast<uint32_t>(part[7]));
          addon->out_bytes[vectors++] = {&addon->headers[at], 4};
        }
        if (part[9] > 0) addon->out_bytes[vectors++] = {addon->memory + part[8], static_cast<size_t>(part[9])};
        total += length;
        segments += 1;
        last = length < size;
      }
      msghdr* message = &addon->out[messages].msg_hdr;
      *message = {};
      message->msg_name = &addon->to[messages];
      message->msg_namelen = write_address(send, &addon->to[messages]);
      message->msg_iov = addon->out_bytes + first_vector;
      message->msg_iovlen = static_cast<size_t>(vectors - first_vector);
      if (segments > 1) {
        message->msg_control = addon->out_control[messages].bytes;
        message->msg_controllen = sizeof(SegmentSize);
        cmsghdr* header = CMSG_FIRSTHDR(message);
        header->cmsg_level = SOL_UDP;
        header->cmsg_type = UDP_SEGMENT;
        header->cmsg_len = CMSG_LEN(sizeof(uint16_t));
        uint16_t segment = static_cast<uint16_t>(size);
        memcpy(CMSG_DATA(header), &segment, sizeof(segment));
      }
      addon->parts[messages] = segments;
      messages += 1;
    }
  }
  socket->first_group = -1;
  socket->last_group = -1;
  return messages;
}

// A segmented message that was refused, datagram by datagram.
void send_singly(Addon* addon, Socket* socket, int index) {
  msghdr whole = addon->out[index].msg_hdr;
  uint16_t size = 0;
  memcpy(&size, CMSG_DATA(CMSG_FIRSTHDR(&whole)), sizeof(size));
  socket->max_segment = static_cast<size_t>(size) - 1;
  socket->retry_at = addon->flushes + SEGMENT_RETRY_FLUSHES;
  size_t at = 0;
  while (at < whole.msg_iovlen) {
    size_t vectors = 0;
    for (size_t bytes = 0; at + vectors < whole.msg_iovlen && bytes < size; vectors += 1) {
      bytes += whole.msg_iov[at + vectors].iov_len;
    }
    msghdr one = {};
    one.msg_name = whole.msg_name;
    one.msg_namelen = whole.msg_namelen;
    one.msg_iov = whole.msg_iov + at;
    one.msg_iovlen = vectors;
    ssize_t sent;
    do sent = sendmsg(socket->fd, &one, MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) note(socket, errno == EAGAIN || errno == EWOULDBLOCK ? &socket->full : &socket->failed, 1);
    at += vectors;
  }
}

void send_messages(Addon* addon, Socket* socket, int count) {
  for (int at = 0; at < count;) {
    int sent = sendmmsg(socket->fd, addon->out + at, static_cast<unsigned>(count - at), MSG_DONTWAIT);
    if (sent > 0) {
      at += sent;
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      // Waiting would only make live media late: what finds no room is dropped.
      int left = 0;
      for (; at < count; at += 1) left += addon->parts[at];
      note(socket, &socket->full, left);
      return;
    }
    if (addon->parts[at] > 1) send_singly(addon, socket, at);
    else note(socket, &socket->failed, 1);
    at += 1;
  }
}

void flush(Addon* addon) {
  int count = addon->control[0];
  addon->control[0] = 0;
  addon->control[1] = 0;
  addon->control[2] = static_cast<int32_t>(static_cast<uint32_t>(addon->control[2]) + 1);
  addon->control[3] = 0;
  addon->control[4] = 0;
  if (addon->waiting) {
    uv_timer_stop(&addon->patience);
    addon->waiting = false;
  }
  if (count <= 0) return;
  if (count > MAX_SENDS) count = MAX_SENDS;
  addon->flushes += 1;
  if (addon->flushes == 0) {  // Once in four thousand million: old epochs must not look new.
    memset(addon->table_epoch, 0, sizeof(addon->table_epoch));
    addon->flushes = 1;
  }
  Socket* touched[MAX_SENDS];
  int sockets = group_sends(addon, count, touched);
  for (int at = 0; at < sockets; at += 1) {
    Socket* socket = touched[at];
    if (socket->segmentation && static_cast<int32_t>(addon->flushes - socket->retry_at) >= 0) {
      socket->max_segment = 65535;
    }
    send_messages(addon, socket, build_messages(addon, socket));
  }
}

void on_patience(uv_timer_t* timer) { flush(static_cast<Addon*>(timer->data)); }

// A turn of the event loop is over.
void flush_unless_patient(Addon* addon) {
  if (addon->control[0] == 0) return;
  if (addon->control[3] < MIN_PATIENT || addon->control[4] != 0 || addon->closing) {
    flush(addon);
    return;
  }
  if (addon->waiting) return;
  addon->waiting = uv_timer_start(&addon->patience, on_patience, PATIENCE_MS, 0) == 0;
  if (!addon->waiting) flush(addon);
}

// ---- receiving -----------------------------------------------------------------------------------------

int write_failures(Addon* addon) {
  int count = 0;
  while (!addon->failing.empty() && count < MAX_FAILURES) {
    Socket* socket = addon->failing.back();
    addon->failing.pop_back();
    int32_t* entry = addon->control + FAILURES_AT + count * FAILURE_INTS;
    entry[0] = static_cast<int32_t>(socket->index);
    entry[1] = socket->full;
    entry[2] = socket->failed;
    socket->full = socket->failed = 0;
    socket->listed = false;
    count += 1;
  }
  return count;
}

// Hands over what was received and what failed, then sends what JavaScript made of it.
void dispatch(Addon* addon) {
  if (addon->dispatching || addon->closing) return;
  while (addon->count > 0 || !addon->failing.empty()) {
    int count = addon->count;
    addon->count = 0;
    int failures = write_failures(addon);
    napi_env env = addon->env;
    napi_handle_scope scope;
    if (addon->callback == nullptr || napi_open_handle_scope(env, &scope) != napi_ok) return;
    napi_value argv[2], callback = nullptr, global = nullptr;
    addon->dispatching = true;
    if (napi_create_int32(env, count, &argv[0]) == napi_ok && napi_create_int32(env, failures, &argv[1]) == napi_ok &&
        napi_get_reference_value(env, addon->callback, &callback) == napi_ok &&
        napi_get_global(env, &global) == napi_ok &&
        napi_make_callback(env, nullptr, global, callback, 2, argv, nullptr) == napi_pending_exception) {
      napi_value error = nullptr;
      if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
    }
    napi_close_handle_scope(env, scope);
    addon->dispatching = false;
    if (addon->closing) return;
    flush_unless_patient(addon);
  }
}

void take(Addon* addon, const Socket* socket, const Address& from, size_t offset, size_t length) {
  if (addon->count == MAX_RECEIVED) dispatch(addon);
  if (addon->count == MAX_RECEIVED) return;  // The environment is ending.
  int32_t* entry = addon->received + addon->count * RECEIVED_INTS;
  memset(entry, 0, RECEIVED_INTS * sizeof(int32_t));
  entry[0] = static_cast<int32_t>(socket->index);
  entry[1] = static_cast<int32_t>(offset);
  entry[2] = static_cast<int32_t>(length);
  if (from.any.sa_family == AF_INET6) {
    entry[3] = ntohs(from.v6.sin6_port) | IPV6;
    memcpy(entry + 4, &from.v6.sin6_addr, sizeof(from.v6.sin6_addr));
    if (IN6_IS_ADDR_LINKLOCAL(&from.v6.sin6_addr)) entry[8] = static_cast<int32_t>(from.v6.sin6_scope_id);
  } else {
    entry[3] = ntohs(from.v4.sin_port);
    memcpy(entry + 4, &from.v4.sin_addr, sizeof(from.v4.sin_addr));
  }
  addon->count += 1;
}

size_t segment_of(msghdr* message) {
  for (cmsghdr* header = CMSG_FIRSTHDR(message); header != nullptr; header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level != SOL_UDP || header->cmsg_type != UDP_GRO) continue;
    int size = 0;
    memcpy(&size, CMSG_DATA(header), sizeof(size));
    return size > 0 ? static_cast<size_t>(size) : 0;
  }
  return 0;
}

void receive(Addon* addon, Socket* socket) {
  if (addon->used == SLOTS) {
    dispatch(addon);
    addon->used = 0;
  }
  if (addon->closing || socket->fd < 0) return;  // JavaScript may have closed it just now.
  int room = SLOTS - addon->used < RECEIVE_BATCH ? SLOTS - addon->used : RECEIVE_BATCH;
  for (int at = 0; at < room; at += 1) {
    addon->in_bytes[at] = {addon->memory + static_cast<size_t>(addon->used + at) * SLOT_BYTES, 65536};
    msghdr* message = &addon->in[at].msg_hdr;
    message->msg_name = &addon->from[at];
    message->msg_namelen = sizeof(Address);
    message->msg_iov = &addon->in_bytes[at];
    message->msg_iovlen = 1;
    message->msg_control = addon->in_control[at].bytes;
    message->msg_controllen = sizeof(Coalesced);
    message->msg_flags = 0;
  }
  int got;
  do got = recvmmsg(socket->fd, addon->in, static_cast<unsigned>(room), MSG_DONTWAIT, nullptr);
  while (got < 0 && errno == EINTR);
  int first = addon->used;
  if (got > 0) addon->used += got;
  for (int at = 0; at < got; at += 1) {
    size_t offset = static_cast<size_t>(first + at) * SLOT_BYTES;
    size_t length = addon->in[at].msg_len;
    size_t segment = segment_of(&addon->in[at].msg_hdr);
    if (segment == 0 || segment >= length) {
      take(addon, socket, addon->from[at], offset, length);
      continue;
    }
    for (size_t done = 0; done < length; done += segment) {
      take(addon, socket, addon->from[at], offset + done, length - done < segment ? length - done : segment);
    }
  }
}

void on_poll(uv_poll_t* poll, int status, int) {
  Socket* socket = static_cast<Socket*>(poll->data);
  if (status < 0) {
    // libuv stops at an error of the socket; an error of UDP is about one datagram, so it goes on.
    int error = 0;
    socklen_t length = sizeof(error);
    getsockopt(socket->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    uv_poll_start(poll, UV_READABLE, on_poll);
    return;
  }
  receive(socket->addon, socket);
}

// Before and after the event loop waits: nothing lies here while it sleeps.
void turn(Addon* addon) {
  flush_unless_patient(addon);
  dispatch(addon);
  addon->used = 0;
}

void on_prepare(uv_prepare_t* handle) { turn(static_cast<Addon*>(handle->data)); }
void on_check(uv_check_t* handle) { turn(static_cast<Addon*>(handle->data)); }

// ---- life ----------------------------------------------------------------------------------------------

void handle_closed(Addon* addon) {
  addon->open_handles -= 1;
  if (!addon->closing || addon->open_handles > 0) return;
  napi_remove_async_cleanup_hook(addon->cleanup);
  delete addon;
}

void close_socket(Socket* socket) {
  if (socket->fd < 0) return;
  Addon* addon = socket->addon;
  if (socket->listed) {
    for (Socket*& one : addon->failing) {
      if (one == socket) {
        one = addon->failing.back();
        addon->failing.pop_back();
        break;
      }
    }
  }
  int fd = socket->fd;
  socket->fd = -1;
  uv_close(reinterpret_cast<uv_handle_t*>(&socket->poll), [](uv_handle_t* handle) {
    Socket* closed = static_cast<Socket*>(handle->data);
    Addon* owner = closed->addon;
    owner->sockets[closed->index] = nullptr;
    delete closed;
    handle_closed(owner);
  });
  close(fd);
}

void on_exit(napi_async_cleanup_hook_handle, void* data) {
  Addon* addon = static_cast<Addon*>(data);
  addon->closing = true;
  for (Socket* socket : addon->sockets) {
    if (socket != nullptr) close_socket(socket);
  }
  addon->prepare.data = addon->check.data = addon->patience.data = addon;
  uv_close(reinterpret_cast<uv_handle_t*>(&addon->patience),
           [](uv_handle_t* handle) { handle_closed(static_cast<Addon*>(handle->data)); });
  uv_close(reinterpret_cast<uv_handle_t*>(&addon->prepare),
           [](uv_handle_t* handle) { handle_closed(static_cast<Addon*>(handle->data)); });
  uv_close(reinterpret_cast<uv_handle_t*>(&addon->check),
           [](uv_handle_t* handle) { handle_closed(static_cast<Addon*>(handle->data)); });
}

napi_value number(napi_env env, int32_t value) {
  napi_value result = nullptr;
  napi_create_int32(env, value, &result);
  return result;
}

Addon* arguments(napi_env env, napi_callback_info call, size_t wanted, napi_value* argv) {
  size_t count = wanted;
  Addon* addon = addon_of(env);
  if (addon == nullptr || addon->closing || napi_get_cb_info(env, call, &count, argv, nullptr, nullptr) != napi_ok ||
      count < wanted) {
    napi_throw_type_error(env, nullptr, "wrong arguments");
    return nullptr;
  }
  return addon;
}

int bind_socket(const char* text, uint16_t port, int buffer_bytes, int* family) {
  Address address = {};
  socklen_t length;
  if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(port);
    length = sizeof(address.v4);
  } else if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1) {
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_port = htons(port);
    length = sizeof(address.v6);
  } else {
    errno = EINVAL;
    return -1;
  }
  *family = address.any.sa_family;
  int fd = socket(*family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int on = 1;
  // Smaller buffers lose packets earlier under load; that is no reason not to serve.
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes));
  if ((*family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
      bind(fd, &address.any, length) != 0) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

// open(address: string, port: number, bufferBytes: number, offload: boolean): number of the socket, or -errno.
napi_value open_socket(napi_env env, napi_callback_info call) {
  napi_value argv[4];
  Addon* addon = arguments(env, call, 4, argv);
  char text[64];
  size_t length = 0;
  uint32_t port = 0;
  int32_t buffer_bytes = 0;
  bool offload = false;
  if (addon == nullptr) return nullptr;
  if (napi_get_value_string_utf8(env, argv[0], text, sizeof(text), &length) != napi_ok ||
      napi_get_value_uint32(env, argv[1], &port) != napi_ok || port > 65535 ||
      napi_get_value_int32(env, argv[2], &buffer_bytes) != napi_ok ||
      napi_get_value_bool(env, argv[3], &offload) != napi_ok) {
    napi_throw_type_error(env, nullptr, "wrong arguments");
    return nullptr;
  }
  size_t index = 0;
  while (index < addon->sockets.size() && addon->sockets[index] != nullptr) index += 1;
  if (index == MAX_SOCKETS) return number(env, -EMFILE);
  int family = AF_INET;
  int fd = bind_socket(text, static_cast<uint16_t>(port), buffer_bytes, &family);
  if (fd < 0) return number(env, -errno);
  Socket* socket = new (std::nothrow) Socket();
  int error = socket == nullptr ? -ENOMEM : uv_poll_init(addon->loop, &socket->poll, fd);
  if (error != 0) {
    delete socket;
    close(fd);
    return number(env, error);
  }
  socket->addon = addon;
  socket->fd = fd;
  socket->family = family;
  socket->index = static_cast<uint32_t>(index);
  socket->poll.data = socket;
  if (index == addon->sockets.size()) addon->sockets.push_back(socket);
  else addon->sockets[index] = socket;
  addon->open_handles += 1;
  int value = 0;
  socklen_t size = sizeof(value);
  // A kernel that does not know the option would send all segments as one datagram.
  socket->segmentation = offload && getsockopt(fd, SOL_UDP, UDP_SEGMENT, &value, &size) == 0;
  value = 1;
  if (offload) setsockopt(fd, SOL_UDP, UDP_GRO, &value, sizeof(value));
  error = uv_poll_start(&socket->poll, UV_READABLE, on_poll);
  if (error != 0) {
    close_socket(socket);
    return number(env, error);
  }
  return number(env, static_cast<int32_t>(index));
}

// port(socket): the bound port, or -errno.
napi_value port_of(napi_env env, napi_callback_info call) {
  napi_value argv[1];
  Addon* addon = arguments(env, call, 1, argv);
  int64_t index = -1;
  if (addon == nullptr) return nullptr;
  napi_get_value_int64(env, argv[0], &index);
  Socket* socket = socket_at(addon, index);
  Address address = {};
  socklen_t length = sizeof(address);
  if (socket == nullptr) return number(env, -EBADF);
  if (getsockname(socket->fd, &address.any, &length) != 0) return number(env, -errno);
  return number(env, ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port));
}

// close(socket): sends what waits, then closes; a number that is closed already is left alone.
napi_value close_one(napi_env env, napi_callback_info call) {
  napi_value argv[1];
  Addon* addon = arguments(env, call, 1, argv);
  int64_t index = -1;
  if (addon == nullptr) return nullptr;
  napi_get_value_int64(env, argv[0], &index);
  Socket* socket = socket_at(addon, index);
  if (socket == nullptr) return nullptr;
  flush(addon);
  close_socket(socket);
  return nullptr;
}

// flush(): sends what waits, when there is no room for more.
napi_value flush_now(napi_env env, napi_callback_info call) {
  Addon* addon = arguments(env, call, 0, nullptr);
  if (addon != nullptr) flush(addon);
  return nullptr;
}

bool buffer_of(napi_env env, napi_value value, size_t wanted, const uint8_t** bytes) {
  void* data = nullptr;
  size_t length = 0;
  bool is_buffer = false;
  if (napi_is_buffer(env, value, &is_buffer) != napi_ok || !is_buffer ||
      napi_get_buffer_info(env, value, &data, &length) != napi_ok || length != wanted) {
    return false;
  }
  *bytes = static_cast<const uint8_t*>(data);
  return true;
}

// openContext(profile: number, key: Buffer, salt: Buffer, authKey: Buffer, opens: boolean): number of the SRTP context,
// or -errno.
napi_value open_context(napi_env env, napi_callback_info call) {
  napi_value argv[5];
  Addon* addon = arguments(env, call, 5, argv);
  int32_t chosen = -1;
  bool opens = false;
  const uint8_t* key = nullptr;
  const uint8_t* salt = nullptr;
  const uint8_t* auth_key = nullptr;
  if (addon == nullptr) return nullptr;
  if (napi_get_value_int32(env, argv[0], &chosen) != napi_ok || chosen < srtp::AEAD_AES_128_GCM ||
      chosen > srtp::AES_CM_128_HMAC_SHA1_80 || napi_get_value_bool(env, argv[4], &opens) != napi_ok) {
    napi_throw_type_error(env, nullptr, "wrong arguments");
    return nullptr;
  }
  srtp::Profile profile = static_cast<srtp::Profile>(chosen);
  if (!buffer_of(env, argv[1], srtp::KEY_BYTES, &key) || !buffer_of(env, argv[2], srtp::salt_bytes(profile), &salt) ||
      !buffer_of(env, argv[3], srtp::AUTH_KEY_BYTES, &auth_key)) {
    napi_throw_range_error(env, nullptr, "keys of a wrong length");
    return nullptr;
  }
  return number(env, addon->contexts.open(profile, key, salt, auth_key, opens));
}

// Context and bytes of the three calls below; a context that is closed counts as not there.
srtp::Context* packet_arguments(napi_env env, Addon* addon, napi_value* argv, uint8_t** bytes, size_t* length) {
  int32_t context = 0;
  void* data = nullptr;
  bool is_buffer = false;
  if (addon == nullptr || napi_get_value_int32(env, argv[0], &context) != napi_ok ||
      napi_is_buffer(env, argv[1], &is_buffer) != napi_ok || !is_buffer ||
      napi_get_buffer_info(env, argv[1], &data, length) != napi_ok || *length > 65536) {
    return nullptr;
  }
  *bytes = static_cast<uint8_t*>(data);
  return addon->contexts.find(context);
}

// openRtp(context, packet: Buffer, headerBytes: number, rollover: number): whether it is authentic, and decrypted.
napi_value open_rtp(napi_env env, napi_callback_info call) {
  napi_value argv[4];
  uint8_t* packet = nullptr;
  size_t length = 0;
  uint32_t header = 0;
  uint32_t rollover = 0;
  Addon* addon = arguments(env, call, 4, argv);
  srtp::Context* context = packet_arguments(env, addon, argv, &packet, &length);
  if (addon == nullptr) return nullptr;
  bool ok = context != nullptr && napi_get_value_uint32(env, argv[2], &header) == napi_ok && header <= length &&
            napi_get_value_uint32(env, argv[3], &rollover) == napi_ok &&
            srtp::open(context, packet, header, length, rollover);
  return number(env, ok ? 1 : 0);
}

// openRtcp(context, packet: Buffer): length of the compound packet, or -1.
napi_value open_rtcp(napi_env env, napi_callback_info call) {
  napi_value argv[2];
  uint8_t* packet = nullptr;
  size_t length = 0;
  Addon* addon = arguments(env, call, 2, argv);
  srtp::Context* context = packet_arguments(env, addon, argv, &packet, &length);
  if (addon == nullptr) return nullptr;
  return number(env, context == nullptr ? -1 : srtp::open_rtcp(context, packet, length));
}

// sealRtcp(context, packet: Buffer, index: number): whether it could. The compound packet with room for tag and index.
napi_value seal_rtcp(napi_env env, napi_callback_info call) {
  napi_value argv[3];
  uint8_t* packet = nullptr;
  size_t length = 0;
  uint32_t index = 0;
  Addon* addon = arguments(env, call, 3, argv);
  srtp::Context* context = packet_arguments(env, addon, argv, &packet, &length);
  if (addon == nullptr) return nullptr;
  size_t extra = context == nullptr ? 0 : srtp::tag_bytes(context->profile) + srtp::RTCP_INDEX_BYTES;
  bool ok = context != nullptr && length >= extra && napi_get_value_uint32(env, argv[2], &index) == napi_ok &&
            index < srtp::RTCP_ENCRYPTED && srtp::seal_rtcp(context, packet, length - extra, index);
  return number(env, ok ? 1 : 0);
}

// closeContext(context): sends what waits, then forgets the keys; a number that is closed already is left alone.
napi_value close_context(napi_env env, napi_callback_info call) {
  napi_value argv[1];
  Addon* addon = arguments(env, call, 1, argv);
  int32_t context = 0;
  if (addon == nullptr || napi_get_value_int32(env, argv[0], &context) != napi_ok) return nullptr;
  if (addon->contexts.find(context) == nullptr) return nullptr;
  flush(addon);
  addon->contexts.close(context);
  return nullptr;
}

// listen(callback: (received: number, failures: number) => void)
napi_value set_callback(napi_env env, napi_callback_info call) {
  napi_value argv[1];
  Addon* addon = arguments(env, call, 1, argv);
  napi_valuetype type;
  if (addon == nullptr) return nullptr;
  if (napi_typeof(env, argv[0], &type) != napi_ok || type != napi_function) {
    napi_throw_type_error(env, nullptr, "not a function");
    return nullptr;
  }
  if (addon->callback != nullptr) napi_delete_reference(env, addon->callback);
  addon->callback = nullptr;
  napi_create_reference(env, argv[0], 1, &addon->callback);
  return nullptr;
}

// An ArrayBuffer of JavaScript that stays where it is as long as the environment lives.
void* share(napi_env env, napi_value exports, const char* name, size_t bytes, napi_ref* ref) {
  void* data = nullptr;
  napi_value buffer = nullptr;
  if (napi_create_arraybuffer(env, bytes, &data, &buffer) != napi_ok ||
      napi_create_reference(env, buffer, 1, ref) != napi_ok ||
      napi_set_named_property(env, exports, name, buffer) != napi_ok) {
    return nullptr;
  }
  return data;
}

bool add_function(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value value = nullptr;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value) == napi_ok &&
         napi_set_named_property(env, exports, name, value) == napi_ok;
}

napi_value init(napi_env env, napi_value exports) {
  Addon* addon = new (std::nothrow) Addon();
  if (addon == nullptr) return nullptr;
  addon->env = env;
  memset(addon->table_epoch, 0, sizeof(addon->table_epoch));
  addon->memory = static_cast<uint8_t*>(share(env, exports, "memory", MEMORY_BYTES, &addon->refs[0]));
  addon->received = static_cast<int32_t*>(
      share(env, exports, "received", MAX_RECEIVED * RECEIVED_INTS * sizeof(int32_t), &addon->refs[1]));
  addon->sends =
      static_cast<int32_t*>(share(env, exports, "sends", MAX_SENDS * SEND_INTS * sizeof(int32_t), &addon->refs[2]));
  addon->control =
      static_cast<int32_t*>(share(env, exports, "control", CONTROL_INTS * sizeof(int32_t), &addon->refs[3]));
  napi_value arena_at = nullptr;
  napi_value layout = nullptr;
  if (addon->memory == nullptr || addon->received == nullptr || addon->sends == nullptr || addon->control == nullptr ||
      napi_create_uint32(env, SLOTS * SLOT_BYTES, &arena_at) != napi_ok ||
      napi_set_named_property(env, exports, "arenaAt", arena_at) != napi_ok ||
      napi_create_uint32(env, LAYOUT, &layout) != napi_ok ||
      napi_set_named_property(env, exports, "layout", layout) != napi_ok ||
      !add_function(env, exports, "open", open_socket) || !add_function(env, exports, "port", port_of) ||
      !add_function(env, exports, "close", close_one) || !add_function(env, exports, "flush", flush_now) ||
      !add_function(env, exports, "openContext", open_context) ||
      !add_function(env, exports, "closeContext", close_context) || !add_function(env, exports, "openRtp", open_rtp) ||
      !add_function(env, exports, "openRtcp", open_rtcp) || !add_function(env, exports, "sealRtcp", seal_rtcp) ||
      !add_function(env, exports, "listen", set_callback) || napi_get_uv_event_loop(env, &addon->loop) != napi_ok ||
      napi_set_instance_data(env, addon, nullptr, nullptr) != napi_ok ||
      napi_add_async_cleanup_hook(env, on_exit, addon, &addon->cleanup) != napi_ok) {
    delete addon;
    return nullptr;
  }
  uv_prepare_init(addon->loop, &addon->prepare);
  uv_check_init(addon->loop, &addon->check);
  uv_timer_init(addon->loop, &addon->patience);
  addon->prepare.data = addon->check.data = addon->patience.data = addon;
  uv_prepare_start(&addon->prepare, on_prepare);
  uv_check_start(&addon->check, on_check);
  // The sockets keep the process alive, these do not.
  uv_unref(reinterpret_cast<uv_handle_t*>(&addon->patience));
  uv_unref(reinterpret_cast<uv_handle_t*>(&addon->prepare));
  uv_unref(reinterpret_cast<uv_handle_t*>(&addon->check));
  addon->open_handles = 3;
  return exports;
}

}  // namespace

NAPI_MODULE(NODE_GYP_MODULE_NAME, init)
