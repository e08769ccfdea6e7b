// A machine whose disk and clock do as a test says: loaded into the hub by LD_PRELOAD. What the test says, and what
// it is told, is in a file that is mapped here: see machine.rs, which has the same order of words.
//
// Of the disk it is what is done to caps.db and caps.db-wal that fails. All else is the real one.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NOTHING, FULL, WRITE_ERROR, SYNC_ERROR, READ_ONLY, MAY_NOT_OPEN };

// The most places of the files that were written and not synced.
enum { PLACES = 65536 };

struct place {
    int64_t file; // 0 for caps.db, 1 for caps.db-wal
    int64_t start, end;
    int64_t is_lost; // its sync has failed, and a later one does not try again
};

struct control {
    _Atomic int64_t fault;
    _Atomic int64_t let_through; // so many calls, before the fault begins
    _Atomic int64_t clock_offset; // in seconds
    int64_t places;
    struct place place[PLACES]; // what a loss of power may take, or turn into anything
};

static struct control nothing; // until the test's is there
static struct control *control = &nothing;
static pthread_mutex_t places = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("MACHINE");
    int fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    if (fd < 0) abort();
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (control == MAP_FAILED) abort();
    syscall(SYS_close, fd);
}

// Which of the two files it is: 0 for caps.db, 1 for caps.db-wal, -1 for none.
static int which(const char *path) {
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    return strcmp(name, "caps.db") == 0 ? 0 : strcmp(name, "caps.db-wal") == 0 ? 1 : -1;
}

static int which_fd(int fd) {
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return -1;
    path[length] = 0;
    return which(path);
}

// How many calls are still let through, of those that the fault concerns. The first that is not finds none.
static int64_t let_through(void) { return atomic_fetch_sub(&control->let_through, 1); }

static int fail(int with) {
    errno = with;
    return -1;
}

// With what error a write fails, or 0. A disk that is full may have room for the first half of a write.
static int check_write(size_t *size) {
    int64_t fault = atomic_load(&control->fault);
    if (fault != FULL && fault != WRITE_ERROR && fault != READ_ONLY) return 0;
    int64_t left = let_through();
    if (left > 0) return 0;
    if (fault == FULL && left == 0 && size && *size > 1) {
        *size /= 2;
        return 0;
    }
    return fault == FULL ? ENOSPC : fault == WRITE_ERROR ? EIO : EROFS;
}

// Notes that a loss of power may take this away.
static void written(int file, int64_t start, int64_t size) {
    if (size <= 0) return;
    int64_t end = start + size;
    pthread_mutex_lock(&places);
    struct place *last = NULL;
    for (int64_t i = 0; i < control->places; i++) {
        struct place *place = &control->place[i];
        if (place->file != file) continue;
        // What is written anew is synced anew. Files are written from their start to their end.
        if (place->is_lost && start <= place->start && place->start < end)
            place->start = end < place->end ? end : place->end;
        if (!place->is_lost && place->end == start) last = place;
    }
    if (last) {
        last->end = end;
    } else {
        if (control->places == PLACES) abort();
        control->place[control->places++] = (struct place){file, start, end, 0};
    }
    pthread_mutex_unlock(&places);
}

// Notes that it may not any more; or, when the sync has failed, that no later sync will change that.
static void synced(int file, int has_failed) {
    pthread_mutex_lock(&places);
    int64_t kept = 0;
    for (int64_t i = 0; i < control->places; i++) {
        struct place place = control->place[i];
        if (place.file == file) place.is_lost |= has_failed;
        int stays = place.file != file || place.is_lost;
        if (stays && place.start < place.end) control->place[kept++] = place;
    }
    control->places = kept;
    pthread_mutex_unlock(&places);
}

static void cut(int file, int64_t size) {
    pthread_mutex_lock(&places);
    for (int64_t i = 0; i < control->places; i++) {
        struct place *place = &control->place[i];
        if (place->file == file && place->end > size) place->end = size;
    }
    pthread_mutex_unlock(&places);
}

ssize_t write(int fd, const void *buffer, size_t size) {
    int file = which_fd(fd);
    if (file < 0) return syscall(SYS_write, fd, buffer, size);
    int with = check_write(&size);
    if (with) return fail(with);
    int64_t start = lseek(fd, 0, SEEK_CUR);
    ssize_t done = syscall(SYS_write, fd, buffer, size);
    written(file, start, done);
    return done;
}

ssize_t pwrite64(int fd, const void *buffer, size_t size, off_t start) {
    int file = which_fd(fd);
    if (file < 0) return syscall(SYS_pwrite64, fd, buffer, size, start);
    int with = check_write(&size);
    if (with) return fail(with);
    ssize_t done = syscall(SYS_pwrite64, fd, buffer, size, start);
    written(file, start, done);
    return done;
}

ssize_t pwrite(int fd, const void *buffer, size_t size, off_t start) {
    return pwrite64(fd, buffer, size, start);
}

int ftruncate64(int fd, off_t size) {
    int file = which_fd(fd);
    int with = file < 0 ? 0 : check_write(NULL);
    if (with) return fail(with);
    int done = syscall(SYS_ftruncate, fd, size);
    if (done == 0) cut(file, size);
    return done;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int sync_by(long call, int fd) {
    int file = which_fd(fd);
    if (file < 0) return syscall(call, fd);
    int fails = atomic_load(&control->fault) == SYNC_ERROR && let_through() <= 0;
    int done = fails ? fail(EIO) : syscall(call, fd);
    synced(file, done != 0);
    return done;
}

int fsync(int fd) { return sync_by(SYS_fsync, fd); }

int fdatasync(int fd) { return sync_by(SYS_fdatasync, fd); }

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    if (writes && atomic_load(&control->fault) == MAY_NOT_OPEN && which(path) >= 0) return fail(EACCES);
    return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int clock_gettime(clockid_t clock, struct timespec *time) {
    int done = syscall(SYS_clock_gettime, clock, time);
    if (done == 0 && clock == CLOCK_REALTIME) time->tv_sec += atomic_load(&control->clock_offset);
    return done;
}
