/*
 * RC4 as anyone would write it in C. Encrypts messages of the length given, one after the other, in place and in one
 * stream, and prints 10^6 bytes in a second in the best of the rounds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 5
#define ROUND_NANOSECONDS 200000000u

struct rc4 {
  unsigned i, j;
  unsigned state[256];
};

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "rc4: %s\n", what);
  exit(1);
}

static void schedule(struct rc4 *c, const unsigned char *key, size_t length) {
  unsigned j = 0;
  c->i = c->j = 0;
  for (unsigned i = 0; i < 256; i++) c->state[i] = i;
  for (unsigned i = 0; i < 256; i++) {
    unsigned a = c->state[i];
    j = (j + a + key[i % length]) & 255;
    c->state[i] = c->state[j];
    c->state[j] = a;
  }
}

/* Not inlined: what is measured is a call for each message. */
__attribute__((noinline)) static void apply(struct rc4 *c, unsigned char *bytes, size_t length) {
  unsigned i = c->i, j = c->j;
  for (size_t n = 0; n < length; n++) {
    i = (i + 1) & 255;
    unsigned a = c->state[i];
    j = (j + a) & 255;
    unsigned b = c->state[j];
    c->state[i] = b;
    c->state[j] = a;
    bytes[n] ^= (unsigned char)c->state[(a + b) & 255];
  }
  c->i = i;
  c->j = j;
}

/* The key "Key" makes this of "Plaintext". */
static void check(void) {
  static const unsigned char expected[] = {0xbb, 0xf3, 0x16, 0xe8, 0xd9, 0x40, 0xaf, 0x0a, 0xd3};
  unsigned char text[] = "Plaintext";
  struct rc4 c;
  schedule(&c, (const unsigned char *)"Key", 3);
  apply(&c, text, sizeof expected);
  if (memcmp(text, expected, sizeof expected)) fail("this is not RC4");
}

int main(int argc, char **argv) {
  long length = argc > 1 ? atol(argv[1]) : 0;
  if (length < 1) fail("the length of a message is missing");
  unsigned char *message = calloc(1, (size_t)length);
  if (!message) fail("out of memory");
  check();
  struct rc4 c;
  schedule(&c, (const unsigned char *)"sixteen byte key", 16);
  double best = 0;
  for (int round = 0; round < ROUNDS; round++) {
    uint64_t start = now(), took;
    uint64_t bytes = 0;
    do {
      /* Enough between two looks at the clock that they do not count. */
      for (uint64_t until = bytes + 65536; bytes < until; bytes += (uint64_t)length) apply(&c, message, (size_t)length);
      took = now() - start;
    } while (took < ROUND_NANOSECONDS);
    double speed = (double)bytes * 1e3 / (double)took;
    if (speed > best) best = speed;
  }
  printf("%.3f\n", best);
  return 0;
}
