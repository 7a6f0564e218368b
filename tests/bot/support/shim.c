// What a machine does to a program, done to one process: its clock is set, its disk is full, slow or broken, its file is
// locked, its power fails. Preloaded before libc; told what to do through a file that the tests write to (shim.rs).
//
// A file of the store is one whose name has `.db` in it: the database and its log.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

// the order is that of shim.rs
struct control {
  _Atomic int64_t ahead_ns;     // how far the clock of the day is ahead
  _Atomic int64_t write_errno;  // what a write to the store fails with
  _Atomic int64_t sync_errno;   // what a sync of the store fails with
  _Atomic int64_t sync_delay;   // how long a sync of the store takes longer, in microseconds
  _Atomic int64_t lock_errno;   // what a lock on the store fails with
  _Atomic int64_t syncs;        // how many syncs of the store there were
  _Atomic int64_t dies_in;      // at which sync of the store from now on it dies; 0: never
  _Atomic int64_t dies_after;   // 1: after that sync. 0: before it, and what was written since the last one is lost
  _Atomic int64_t sync_hangs;   // 1: a sync of the store does not return until this is 0
  _Atomic int64_t log_hangs;    // 1: a write to stdout or stderr does not return until this is 0: a pipe that nobody reads
};

static struct control nothing;
static struct control *control = &nothing;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("SHIM_CONTROL");
  int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map != MAP_FAILED) control = map;
  close(fd);
}

#define NEXT(name)                      \
  static typeof(&name) next;            \
  if (!next) next = (typeof(&name))dlsym(RTLD_NEXT, #name)

static int is_store(int fd) {
  char link[64], path[4096];
  int saved = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  errno = saved;
  if (length < 0) return 0;
  path[length] = 0;
  const char *name = strrchr(path, '/');
  return name && strstr(name, ".db");
}

static void die(void) {
  kill(getpid(), SIGKILL);
}

// the clock of the day

int clock_gettime(clockid_t clock, struct timespec *now) {
  NEXT(clock_gettime);
  int result = next(clock, now);
  int64_t ahead = control->ahead_ns;
  if (result || clock != CLOCK_REALTIME || !ahead) return result;
  int64_t ns = now->tv_nsec + ahead % 1000000000;
  now->tv_sec += ahead / 1000000000 + (ns >= 1000000000) - (ns < 0);
  now->tv_nsec = (ns + 1000000000) % 1000000000;
  return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec time;
  if (clock_gettime(CLOCK_REALTIME, &time)) return -1;
  now->tv_sec = time.tv_sec;
  now->tv_usec = time.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *now) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  if (now) *now = time.tv_sec;
  return time.tv_sec;
}

// what was written and not synced yet: a power cut takes it back. One thread alone writes to the store

struct written {
  int fd;
  off_t at, size;
  size_t length;
  char *before;
};
static struct written *unsynced;
static size_t count, room;

static void remember(int fd, off_t at, size_t length) {
  struct stat file;
  if (!control->dies_in || fstat(fd, &file)) return;
  if (count == room) {
    struct written *more = realloc(unsynced, (room = room * 2 + 64) * sizeof *more);
    if (!more) abort();
    unsynced = more;
  }
  struct written one = {fd, at, file.st_size, length, malloc(length)};
  ssize_t there = one.before ? pread(fd, one.before, length, at) : -1;
  one.length = there > 0 ? there : 0;
  unsynced[count++] = one;
}

static void synced(int fd) {
  size_t left = 0;
  for (size_t i = 0; i < count; i++) {
    if (unsynced[i].fd == fd)
      free(unsynced[i].before);
    else
      unsynced[left++] = unsynced[i];
  }
  count = left;
}

static ssize_t (*next_pwrite)(int, const void *, size_t, off_t);

static void lose(void) {
  while (count--) {
    struct written *one = &unsynced[count];
    if (one->length) next_pwrite(one->fd, one->before, one->length, one->at);
    if (ftruncate(one->fd, one->size)) abort();
  }
}

// the disk

static int is_refused(int fd) {
  int64_t error = control->write_errno;
  if (!error || !is_store(fd)) return 0;
  errno = error;
  return 1;
}

static ssize_t put(int fd, const void *bytes, size_t length, off_t at) {
  if (!next_pwrite) *(void **)&next_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  if (is_refused(fd)) return -1;
  if (control->dies_in && is_store(fd)) remember(fd, at, length);
  return next_pwrite(fd, bytes, length, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  return put(fd, bytes, length, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) {
  return put(fd, bytes, length, at);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  NEXT(write);
  if (fd == 1 || fd == 2)
    while (control->log_hangs) usleep(10000);
  if (is_refused(fd)) return -1;
  if (control->dies_in && is_store(fd)) {
    if (!next_pwrite) *(void **)&next_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    remember(fd, lseek(fd, 0, SEEK_CUR), length);
  }
  return next(fd, bytes, length);
}

static int sync_by(int (*next)(int), int fd) {
  if (!is_store(fd)) return next(fd);
  control->syncs++;
  int dies = control->dies_in > 0 && control->dies_in-- == 1;
  if (dies && !control->dies_after) {
    lose();
    die();
  }
  if (control->sync_delay) usleep(control->sync_delay);
  while (control->sync_hangs) usleep(10000);
  int64_t error = control->sync_errno;
  if (error) {
    errno = error;
    return -1;
  }
  int result = next(fd);
  if (dies) die();
  synced(fd);
  return result;
}

int fdatasync(int fd) {
  NEXT(fdatasync);
  return sync_by(next, fd);
}

int fsync(int fd) {
  NEXT(fsync);
  return sync_by(next, fd);
}

// locks

static int lock_by(int (*next)(int, int, ...), int fd, int command, void *argument) {
  int64_t error = control->lock_errno;
  if (error && (command == F_SETLK || command == F_SETLKW)) {
    struct flock *lock = argument;
    if (lock->l_type != F_UNLCK && is_store(fd)) {
      errno = error;
      return -1;
    }
  }
  return next(fd, command, argument);
}

#define ARGUMENT(command)               \
  va_list list;                         \
  va_start(list, command);              \
  void *argument = va_arg(list, void *); \
  va_end(list)

int fcntl(int fd, int command, ...) {
  NEXT(fcntl);
  ARGUMENT(command);
  return lock_by(next, fd, command, argument);
}

int fcntl64(int fd, int command, ...) {
  NEXT(fcntl64);
  ARGUMENT(command);
  return lock_by(next, fd, command, argument);
}
