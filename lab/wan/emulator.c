/*
 * A long line between two interfaces: delay, loss, a bottleneck with a queue, and a limit for each TCP connection, as
 * equipment has it that shares a line by connections. Frames are taken from one interface and given to the other.
 *
 *   emulator IF_A IF_B DELAY_MS LOSS_PERCENT SEED RATE_MBIT QUEUE_FRAMES FLOW_MBIT FLOW_QUEUE_FRAMES
 *
 * DELAY_MS is one way. A rate of 0 is none. Lines on standard input: "freeze PORT" has every frame of that TCP port
 * vanish, "thaw" ends it, "reset PORT" turns every one into a reset. The end of standard input ends the program.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Frames on their way, in both directions together; what comes beyond is lost. */
#define FRAMES_MAX 65536
#define FRAME_BYTES 1600
#define FLOWS 4096
/* Frames taken from one interface before the other has its turn. */
#define BURST 64
/* Shorter waits are not worth going to sleep. */
#define SPIN_NS 30000

typedef uint64_t ns_t;

struct frame {
  ns_t due;
  /* Which of two that are due at once came first. */
  uint64_t number;
  int direction;
  int length;
  uint8_t bytes[FRAME_BYTES];
};

struct direction {
  int in, out;
  /* When the line, and each connection's share, has sent what it was given so far. */
  ns_t line_free;
  ns_t flow_free[FLOWS];
};

static struct direction directions[2];
static struct frame *heap[FRAMES_MAX];
static struct frame *spare[FRAMES_MAX];
static int waiting, spares;
static uint64_t numbers, chance;
static int frozen_port, reset_port;
static double delay_ms, loss_percent, rate_mbit, flow_mbit;
static int queue_frames, flow_queue_frames;

static ns_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (ns_t)t.tv_sec * 1000000000u + (ns_t)t.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "emulator: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int open_interface(const char *name) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
  if (fd < 0) fail("socket");
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
  address.sll_ifindex = (int)if_nametoindex(name);
  if (address.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0) fail(name);
  int bytes = 8 << 20, yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
  if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes) != 0) fail("PACKET_IGNORE_OUTGOING");
  struct packet_mreq all = {.mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
  setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all);
  return fd;
}

static int earlier(const struct frame *a, const struct frame *b) {
  return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static void enter(struct frame *f) {
  int at = waiting++;
  while (at > 0 && earlier(f, heap[(at - 1) / 2])) {
    heap[at] = heap[(at - 1) / 2];
    at = (at - 1) / 2;
  }
  heap[at] = f;
}

static struct frame *leave(void) {
  struct frame *first = heap[0], *last = heap[--waiting];
  int at = 0;
  for (;;) {
    int child = 2 * at + 1;
    if (child >= waiting) break;
    if (child + 1 < waiting && earlier(heap[child + 1], heap[child])) child++;
    if (!earlier(heap[child], last)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = last;
  return first;
}

/* xorshift64*: the same seed loses the same frames of the same traffic. */
static double random_share(void) {
  chance ^= chance >> 12;
  chance ^= chance << 25;
  chance ^= chance >> 27;
  return (double)((chance * 0x2545f4914f6cdd1dull) >> 11) / 9007199254740992.0;
}

/* The TCP connection of an IPv4 frame, 0 to FLOWS - 1, and its ports; -1 for anything else. */
static int flow_of(const struct frame *f, int *from, int *to) {
  const uint8_t *b = f->bytes;
  if (f->length < 54 || b[12] != 8 || b[13] != 0 || b[23] != 6) return -1;
  const uint8_t *tcp = b + 14 + (b[14] & 15) * 4;
  if (tcp + 4 > b + f->length) return -1;
  *from = tcp[0] << 8 | tcp[1];
  *to = tcp[2] << 8 | tcp[3];
  uint32_t hash = 2166136261u;
  for (int i = 26; i < 34; i++) hash = (hash ^ b[i]) * 16777619u;
  for (int i = 0; i < 4; i++) hash = (hash ^ tcp[i]) * 16777619u;
  return (int)(hash % FLOWS);
}

/* Adds bytes to a checksum of the Internet (RFC 1071). */
static uint32_t add(uint32_t sum, const uint8_t *bytes, int length) {
  for (int i = 0; i < length; i++) sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
  return sum;
}

static void put_checksum(uint8_t *at, uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  at[0] = (uint8_t)(~sum >> 8);
  at[1] = (uint8_t)~sum;
}

/* Makes a reset of a TCP segment, with the same numbers: who gets it expects just these (RFC 5961 section 3.2). */
static void make_reset(struct frame *f) {
  uint8_t *ip = f->bytes + 14;
  int head = (ip[0] & 15) * 4;
  uint8_t *tcp = ip + head;
  int total = head + 20;
  ip[2] = (uint8_t)(total >> 8);
  ip[3] = (uint8_t)total;
  ip[10] = ip[11] = 0;
  put_checksum(ip + 10, add(0, ip, head));
  tcp[12] = 5 << 4;
  tcp[13] = 0x14;
  memset(tcp + 14, 0, 6);
  put_checksum(tcp + 16, add(add(6 + 20, ip + 12, 8), tcp, 20));
  f->length = 14 + total;
}

/* When a link of that rate has sent the frame, or 0 when its queue is full. */
static ns_t through(ns_t *free_at, ns_t start, int length, double mbit, int queue) {
  /* What the frame takes on a wire: preamble, checksum and gap included. */
  double each = (length + 24) * 8000.0 / mbit;
  ns_t begins = *free_at > start ? *free_at : start;
  if ((double)(begins - start) > queue * 1538 * 8000.0 / mbit) return 0;
  return *free_at = begins + (ns_t)each;
}

/* Sends the frame on its way; 0 when it is lost. */
static int accept_frame(struct frame *f, ns_t start) {
  struct direction *d = &directions[f->direction];
  int from = 0, to = 0;
  int flow = flow_of(f, &from, &to);
  if (frozen_port != 0 && flow >= 0 && (from == frozen_port || to == frozen_port)) return 0;
  if (reset_port != 0 && flow >= 0 && (from == reset_port || to == reset_port)) make_reset(f);
  if (loss_percent > 0 && random_share() * 100 < loss_percent) return 0;
  ns_t due = start;
  if (flow_mbit > 0 && flow >= 0) {
    due = through(&d->flow_free[flow], due, f->length, flow_mbit, flow_queue_frames);
    if (due == 0) return 0;
  }
  if (rate_mbit > 0) {
    due = through(&d->line_free, due, f->length, rate_mbit, queue_frames);
    if (due == 0) return 0;
  }
  f->due = due + (ns_t)(delay_ms * 1e6);
  f->number = numbers++;
  enter(f);
  return 1;
}

static void receive(int direction) {
  ns_t start = now();
  for (int i = 0; i < BURST && spares > 0; i++) {
    struct frame *f = spare[spares - 1];
    ssize_t length = recv(directions[direction].in, f->bytes, FRAME_BYTES, MSG_TRUNC);
    if (length <= 0) return;
    f->direction = direction;
    f->length = (int)length;
    if (length > FRAME_BYTES || !accept_frame(f, start)) continue;
    spares--;
  }
}

static void obey(void) {
  char line[64];
  ssize_t length = read(0, line, sizeof line - 1);
  if (length <= 0) exit(0);
  line[length] = 0;
  int port;
  if (sscanf(line, "freeze %d", &port) == 1) frozen_port = port;
  else if (strncmp(line, "thaw", 4) == 0) frozen_port = 0;
  else if (sscanf(line, "reset %d", &port) == 1) reset_port = port;
  else fprintf(stderr, "emulator: expected freeze PORT, thaw or reset PORT, got %s", line);
}

int main(int argc, char **argv) {
  if (argc != 10) {
    fprintf(stderr, "usage: emulator IF_A IF_B DELAY_MS LOSS_PERCENT SEED RATE_MBIT QUEUE FLOW_MBIT FLOW_QUEUE\n");
    return 2;
  }
  delay_ms = atof(argv[3]);
  loss_percent = atof(argv[4]);
  chance = strtoull(argv[5], NULL, 10) * 2 + 1;
  rate_mbit = atof(argv[6]);
  queue_frames = atoi(argv[7]);
  flow_mbit = atof(argv[8]);
  flow_queue_frames = atoi(argv[9]);
  int a = open_interface(argv[1]), b = open_interface(argv[2]);
  directions[0].in = directions[1].out = a;
  directions[1].in = directions[0].out = b;
  struct frame *all = calloc(FRAMES_MAX, sizeof *all);
  if (all == NULL) fail("memory");
  while (spares < FRAMES_MAX) {
    spare[spares] = &all[spares];
    spares++;
  }
  printf("ready\n");
  fflush(stdout);
  for (;;) {
    ns_t t = now();
    while (waiting > 0 && heap[0]->due <= t) {
      struct frame *f = leave();
      /* An interface that takes no more loses it, as a full card does. */
      if (send(directions[f->direction].out, f->bytes, (size_t)f->length, 0) < 0 && errno != EAGAIN && errno != ENOBUFS) fail("send");
      spare[spares++] = f;
    }
    struct pollfd polls[3] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    ns_t wait = 1000000000;
    if (waiting > 0) {
      t = now();
      wait = heap[0]->due > t ? heap[0]->due - t : 0;
    }
    struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000u), .tv_nsec = (long)(wait % 1000000000u)};
    if (wait < SPIN_NS) timeout.tv_sec = timeout.tv_nsec = 0;
    if (ppoll(polls, 3, &timeout, NULL) < 0 && errno != EINTR) fail("ppoll");
    if (polls[0].revents) receive(0);
    if (polls[1].revents) receive(1);
    if (polls[2].revents) obey();
  }
}
