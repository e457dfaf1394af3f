/* Sets the clock of one program, for tests: preloaded, gettimeofday is off by the seconds that the file $SET_CLOCK_FILE names. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

int gettimeofday(struct timeval *restrict tv, void *restrict tz) {
  long failed = syscall(SYS_gettimeofday, tv, tz);
  const char *name = getenv("SET_CLOCK_FILE");
  if (failed || tv == NULL || name == NULL) return (int)failed;
  char text[32] = {0};
  int file = open(name, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  if (read(file, text, sizeof text - 1) > 0) tv->tv_sec += atol(text);
  close(file);
  return 0;
}
