/*
 * What C zlib needs for frames, one at a time. Reads blocks from standard input, each a big-endian u32 and that many
 * bytes, and prints for each way of calling zlib its name, nanoseconds for all of them in the best of the rounds, and
 * the bytes that came out.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#define FRAME_MAX 65536

struct block {
  uint32_t length;
  uLong packed_length;
  unsigned char *bytes, *packed;
};

static struct block *blocks;
static size_t count;
static unsigned char output[2 * FRAME_MAX + 256];
static z_stream kept;

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "zlib: %s\n", what);
  exit(1);
}

static void read_blocks(void) {
  uint32_t length;
  while (fread(&length, 4, 1, stdin) == 1) {
    struct block b = {.length = ntohl(length)};
    if (b.length > FRAME_MAX) fail("a block is too long");
    b.bytes = malloc(b.length);
    b.packed = malloc(compressBound(b.length));
    blocks = realloc(blocks, (count + 1) * sizeof b);
    if (!b.bytes || !b.packed || !blocks) fail("out of memory");
    if (fread(b.bytes, 1, b.length, stdin) != b.length) fail("the input is cut short");
    b.packed_length = compressBound(b.length);
    if (compress2(b.packed, &b.packed_length, b.bytes, b.length, 1) != Z_OK) fail("compress2");
    blocks[count++] = b;
  }
}

/* One call with a state of its own for each frame. */
static uint64_t fresh(int level) {
  uint64_t total = 0;
  for (size_t i = 0; i < count; i++) {
    uLong length = sizeof output;
    if (compress2(output, &length, blocks[i].bytes, blocks[i].length, level) != Z_OK) fail("compress2");
    total += length;
  }
  return total;
}

/* The way SoftEther calls it. */
static uint64_t fresh_default(void) { return fresh(Z_DEFAULT_COMPRESSION); }

static uint64_t fresh_fastest(void) { return fresh(1); }

static uint64_t reused_fastest(void) {
  uint64_t total = 0;
  for (size_t i = 0; i < count; i++) {
    deflateReset(&kept);
    kept.next_in = blocks[i].bytes;
    kept.avail_in = blocks[i].length;
    kept.next_out = output;
    kept.avail_out = sizeof output;
    if (deflate(&kept, Z_FINISH) != Z_STREAM_END) fail("deflate");
    total += kept.total_out;
  }
  return total;
}

static uint64_t uncompress_each(void) {
  uint64_t total = 0;
  for (size_t i = 0; i < count; i++) {
    uLong length = sizeof output;
    if (uncompress(output, &length, blocks[i].packed, blocks[i].packed_length) != Z_OK) fail("uncompress");
    total += length;
  }
  return total;
}

static void measure(const char *name, uint64_t (*way)(void), int rounds) {
  uint64_t best = UINT64_MAX, bytes = 0;
  for (int i = 0; i < rounds; i++) {
    uint64_t start = now();
    bytes = way();
    uint64_t took = now() - start;
    if (took < best) best = took;
  }
  printf("%s %llu %llu\n", name, (unsigned long long)best, (unsigned long long)bytes);
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 3;
  if (rounds < 1) fail("at least one round");
  read_blocks();
  if (deflateInit(&kept, 1) != Z_OK) fail("deflateInit");
  measure("compress2", fresh_default, rounds);
  measure("compress2-fastest", fresh_fastest, rounds);
  measure("deflate-reused-fastest", reused_fastest, rounds);
  measure("uncompress", uncompress_each, rounds);
  return 0;
}
