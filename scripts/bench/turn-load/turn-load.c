/*
 * Load generator of the TURN benchmark, in C so that it is never what limits a server.
 *
 * Reads lines from stdin and answers each on stdout:
 *   flow CLIENT_IP PORT SERVER_IP PORT PEER_IP PORT RELAY_IP PORT HEADER_HEX PAYLOAD_BYTES
 *     an allocation that exists already; HEADER_HEX stands before the payload on the client's way up. -> ok
 *   run up|down|both MILLISECONDS BURST window|rate VALUE
 *     window: VALUE packets under way for each flow and direction. rate: VALUE packets a second in all.
 *     -> {"sent":N,"received":N,"elapsedMs":N}
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FLOWS = 64, MAX_BURST = 64, BATCH = 64, MAX_PACKET = 2048, BUFFER_BYTES = 4 << 20 };

/* One direction of one flow: packets leave by `out` and come back to us at `in`. */
struct lane {
  int out, in, is_up;
  unsigned char packet[MAX_PACKET];
  size_t length;
  size_t payload;
  long sent, received;
};

static struct lane lanes[2 * MAX_FLOWS];
static int lane_count;
static int by_fd[4096];
static int epoll_fd;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now_ms(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1e3 + at.tv_nsec / 1e6;
}

static struct sockaddr_in endpoint(const char *ip, int port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, ip, &at.sin_addr) != 1) {
    fprintf(stderr, "not an IPv4 address: %s\n", ip);
    exit(1);
  }
  return at;
}

static int open_socket(struct sockaddr_in local, struct sockaddr_in remote) {
  int size = BUFFER_BYTES;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (fd < 0 || fd >= 4096) fail("socket");
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  if (bind(fd, (struct sockaddr *)&local, sizeof local) != 0) fail("bind");
  if (connect(fd, (struct sockaddr *)&remote, sizeof remote) != 0) fail("connect");
  return fd;
}

static void add_lane(int out, int in, int is_up, const char *header, int payload) {
  struct lane *lane = &lanes[lane_count];
  size_t at = 0;
  unsigned byte;
  for (; header[0] != 0 && sscanf(header, "%2x", &byte) == 1; header += 2) lane->packet[at++] = byte;
  memset(lane->packet + at, 0x61, payload);
  lane->length = at + payload;
  lane->payload = payload;
  lane->out = out;
  lane->in = in;
  lane->is_up = is_up;
  by_fd[in] = lane_count++;
  struct epoll_event event = {.events = EPOLLIN, .data.fd = in};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, in, &event) != 0) fail("epoll_ctl");
}

static void add_flow(const char *line) {
  char client[64], server[64], peer[64], relay[64], header[256];
  int client_port, server_port, peer_port, relay_port, payload;
  if (lane_count >= 2 * MAX_FLOWS ||
      sscanf(line, "flow %63s %d %63s %d %63s %d %63s %d %255s %d", client, &client_port, server, &server_port,
             peer, &peer_port, relay, &relay_port, header, &payload) != 10 ||
      payload < 1 || payload > MAX_PACKET - 128) {
    fprintf(stderr, "cannot read: %s", line);
    exit(1);
  }
  int client_fd = open_socket(endpoint(client, client_port), endpoint(server, server_port));
  int peer_fd = open_socket(endpoint(peer, peer_port), endpoint(relay, relay_port));
  add_lane(client_fd, peer_fd, 1, header, payload);
  add_lane(peer_fd, client_fd, 0, "", payload);
}

/* A packet the kernel does not take is not sent, and not counted. */
static void emit(struct lane *lane, int burst) {
  static struct mmsghdr messages[MAX_BURST];
  static struct iovec parts[MAX_BURST];
  if (burst == 1) {
    if (send(lane->out, lane->packet, lane->length, MSG_DONTWAIT) > 0) lane->sent += 1;
    return;
  }
  for (int at = 0; at < burst; at += 1) {
    parts[at] = (struct iovec){lane->packet, lane->length};
    messages[at].msg_hdr = (struct msghdr){.msg_iov = &parts[at], .msg_iovlen = 1};
  }
  int sent = sendmmsg(lane->out, messages, burst, MSG_DONTWAIT);
  if (sent > 0) lane->sent += sent;
}

static long receive(int timeout_us) {
  static unsigned char bytes[BATCH][MAX_PACKET];
  static struct mmsghdr messages[BATCH];
  static struct iovec parts[BATCH];
  struct epoll_event ready[2 * MAX_FLOWS];
  struct timespec wait = {0, timeout_us * 1000L};
  long total = 0;
  int count = epoll_pwait2(epoll_fd, ready, 2 * MAX_FLOWS, &wait, NULL);
  for (int at = 0; at < count; at += 1) {
    struct lane *lane = &lanes[by_fd[ready[at].data.fd]];
    for (int i = 0; i < BATCH; i += 1) {
      parts[i] = (struct iovec){bytes[i], MAX_PACKET};
      messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int got = recvmmsg(lane->in, messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < got; i += 1) {
      /* Answers and indications that are not ours to count are shorter than the payload. */
      if (messages[i].msg_len < lane->payload) continue;
      lane->received += 1;
      total += 1;
    }
  }
  return total;
}

static void run(const char *line) {
  char direction[8], mode[8];
  int milliseconds, burst;
  long value;
  if (sscanf(line, "run %7s %d %d %7s %ld", direction, &milliseconds, &burst, mode, &value) != 5 || burst < 1 ||
      burst > MAX_BURST || value < 1) {
    fprintf(stderr, "cannot read: %s", line);
    exit(1);
  }
  struct lane *used[2 * MAX_FLOWS];
  int count = 0;
  while (receive(0) > 0) continue;
  for (int at = 0; at < lane_count; at += 1) {
    lanes[at].sent = lanes[at].received = 0;
    if (strcmp(direction, "both") == 0 || lanes[at].is_up == (strcmp(direction, "up") == 0)) used[count++] = &lanes[at];
  }
  int is_window = strcmp(mode, "window") == 0;
  long given = 0;
  double start = now_ms(), now = start;
  while ((now = now_ms()) - start < milliseconds) {
    int idle = 1;
    if (is_window) {
      for (int at = 0; at < count; at += 1) {
        while (used[at]->sent - used[at]->received + burst <= value) {
          long before = used[at]->sent;
          emit(used[at], burst);
          if (used[at]->sent == before) break;
        }
      }
    } else {
      long due = (long)((now - start) * value / 1000) - given;
      if (due >= burst) {
        idle = 0;
        /* A few at a time, so that arrivals are read in between. */
        for (int left = 32; due >= burst && left > 0; left -= burst, due -= burst, given += burst)
          emit(used[given / burst % count], burst);
      }
    }
    receive(idle ? (is_window ? 2000 : 50) : 0);
  }
  double elapsed = now - start;
  double quiet = now_ms();
  long sent = 0, received = 0;
  for (int at = 0; at < count; at += 1) sent += used[at]->sent;
  for (;;) {
    received = 0;
    for (int at = 0; at < count; at += 1) received += used[at]->received;
    if (received >= sent || now_ms() - quiet > 300) break;
    if (receive(5000) > 0) quiet = now_ms();
  }
  printf("{\"sent\":%ld,\"received\":%ld,\"elapsedMs\":%.1f}\n", sent, received, elapsed);
}

int main(void) {
  char line[512];
  epoll_fd = epoll_create1(0);
  if (epoll_fd < 0) fail("epoll_create1");
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (strncmp(line, "flow ", 5) == 0) {
      add_flow(line);
      puts("ok");
    } else {
      run(line);
    }
  }
  return 0;
}
