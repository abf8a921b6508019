/* Faults of a file system, for LD_PRELOAD: every call that writes or locks below one folder is counted, and
 * a chosen one fails, is cut short, or brings the process a signal. What it is told, by environment
 * variables:
 *
 *   FAULTS_UNDER  the folder, an absolute path without symbolic links
 *   FAULTS_LOG    a file to which a line "number kind path" is appended for each such call
 *   FAULTS_KINDS  the kinds of call that count, "write,sync"; all of them where it is not set
 *   FAULTS_AT     the number of the call at which it happens, from 1; 0 or nothing: at none
 *   FAULTS_ON     set: at every later call as well, as a full disk stays full
 *   FAULTS_HOW    enospc, eio    the call fails with this error
 *                 short          half of a write is done, and the next write fails for want of space;
 *                                nothing happens to another call
 *                 kill           the process is killed before the call
 *                 tear           the process is killed when half of a write is done
 *                 int, term      the process gets SIGINT or SIGTERM, and the call goes on
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))real(#name))

enum verdict { PASS, FAIL, HALF };
enum how { NONE, ENOSPC_, EIO_, SHORT, KILL, TEAR, INT, TERM };

static const char *under, *kinds;
static long at;
static int goes_on, log_file = -1;
static enum how how;
static atomic_long calls;
static atomic_int is_cut_short;

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL)
        abort();
    return found;
}

__attribute__((constructor)) static void read_settings(void)
{
    static const char *const names[] = {"", "enospc", "eio", "short", "kill", "tear", "int", "term"};
    const char *wanted = getenv("FAULTS_HOW"), *number = getenv("FAULTS_AT");
    const char *log = getenv("FAULTS_LOG");
    kinds = getenv("FAULTS_KINDS");
    at = number == NULL ? 0 : atol(number);
    goes_on = getenv("FAULTS_ON") != NULL;
    for (enum how each = NONE; wanted != NULL && each <= TERM; each++)
        if (strcmp(wanted, names[each]) == 0)
            how = each;
    if (log != NULL)
        log_file = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    under = getenv("FAULTS_UNDER");
}

static int is_under(const char *path)
{
    size_t length = strlen(under);
    return strncmp(path, under, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static int counts(const char *kind)
{
    const char *found = kinds;
    size_t length = strlen(kind);
    while (found != NULL && (found = strstr(found, kind)) != NULL) {
        int begins = found == kinds || found[-1] == ',';
        if (begins && (found[length] == ',' || found[length] == '\0'))
            return 1;
        found += length;
    }
    return kinds == NULL;
}

static void write_log(long number, const char *kind, const char *path)
{
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%ld %s %s\n", number, kind, path);
    if (log_file >= 0 && REAL(write)(log_file, line, (size_t)length) < 0)
        abort();
}

/* What is to become of one call that writes. */
static enum verdict judge(const char *kind, const char *path, int can_halve)
{
    if (under == NULL || !is_under(path) || !counts(kind))
        return PASS;
    long number = atomic_fetch_add(&calls, 1) + 1;
    write_log(number, kind, path);
    if (how == SHORT) {
        if (number == at && can_halve) {
            is_cut_short = 1;
            return HALF;
        }
        if (!can_halve || !atomic_exchange(&is_cut_short, 0))
            return PASS;
        errno = ENOSPC;
        return FAIL;
    }
    if (at == 0 || number < at || (number > at && !goes_on))
        return PASS;
    if (how == INT || how == TERM) {
        raise(how == INT ? SIGINT : SIGTERM);
        return PASS;
    }
    if (how == KILL || (how == TEAR && !can_halve))
        kill(getpid(), SIGKILL);
    if (how == TEAR)
        return HALF;
    errno = how == EIO_ ? EIO : ENOSPC;
    return FAIL;
}

static ssize_t halved(ssize_t written)
{
    if (how == TEAR)
        kill(getpid(), SIGKILL);
    return written;
}

/* The path of a name in a folder, absolute. */
static const char *path_at(int folder, const char *name, char *room)
{
    char link[64];
    ssize_t length;
    if (name[0] == '/')
        return name;
    if (folder == AT_FDCWD) {
        if (getcwd(room, PATH_MAX) == NULL)
            return name;
        length = (ssize_t)strlen(room);
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        length = readlink(link, room, PATH_MAX - 1);
        if (length < 0)
            return name;
    }
    snprintf(room + length, (size_t)(PATH_MAX - length), "/%s", name);
    return room;
}

static enum verdict judge_path(const char *kind, int folder, const char *name)
{
    char room[PATH_MAX];
    int kept = errno;
    const char *path = path_at(folder, name, room);
    errno = kept;
    return judge(kind, path, 0);
}

static enum verdict judge_file(const char *kind, int file, int can_halve)
{
    char link[64], path[PATH_MAX];
    int kept = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = kept;
    if (length < 0)
        return PASS;
    path[length] = '\0';
    return judge(kind, path, can_halve);
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;                  \
        va_end(rest);                                                                              \
        if (flags & O_CREAT && judge_path("open", AT_FDCWD, path) != PASS)                         \
            return -1;                                                                             \
        return REAL(name)(path, flags, mode);                                                      \
    }

#define OPENAT(name)                                                                               \
    int name(int folder, const char *path, int flags, ...)                                         \
    {                                                                                              \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;                  \
        va_end(rest);                                                                              \
        if (flags & O_CREAT && judge_path("open", folder, path) != PASS)                           \
            return -1;                                                                             \
        return REAL(name)(folder, path, flags, mode);                                              \
    }

#define PWRITE(name, offset_type)                                                                  \
    ssize_t name(int file, const void *bytes, size_t count, offset_type offset)                    \
    {                                                                                              \
        enum verdict verdict = judge_file("write", file, count > 1);                               \
        if (verdict == HALF)                                                                       \
            return halved(REAL(name)(file, bytes, count / 2, offset));                             \
        return verdict == PASS ? REAL(name)(file, bytes, count, offset) : -1;                      \
    }

#define PWRITEV(name, offset_type)                                                                 \
    ssize_t name(int file, const struct iovec *parts, int count, offset_type offset)               \
    {                                                                                              \
        enum verdict verdict = judge_file("write", file, count > 1);                               \
        if (verdict == HALF)                                                                       \
            return halved(REAL(name)(file, parts, count / 2, offset));                             \
        return verdict == PASS ? REAL(name)(file, parts, count, offset) : -1;                      \
    }

#define OF_FILE(name, kind)                                                                        \
    int name(int file)                                                                             \
    {                                                                                              \
        return judge_file(kind, file, 0) == PASS ? REAL(name)(file) : -1;                          \
    }

#define OF_LENGTH(name, offset_type)                                                               \
    int name(int file, offset_type length)                                                         \
    {                                                                                              \
        return judge_file("truncate", file, 0) == PASS ? REAL(name)(file, length) : -1;            \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)
OF_FILE(fsync, "sync")
OF_FILE(fdatasync, "sync")
OF_LENGTH(ftruncate, off_t)
OF_LENGTH(ftruncate64, off64_t)

ssize_t write(int file, const void *bytes, size_t count)
{
    enum verdict verdict = judge_file("write", file, count > 1);
    if (verdict == HALF)
        return halved(REAL(write)(file, bytes, count / 2));
    return verdict == PASS ? REAL(write)(file, bytes, count) : -1;
}

ssize_t writev(int file, const struct iovec *parts, int count)
{
    enum verdict verdict = judge_file("write", file, count > 1);
    if (verdict == HALF)
        return halved(REAL(writev)(file, parts, count / 2));
    return verdict == PASS ? REAL(writev)(file, parts, count) : -1;
}

/* Locks of open files, which are flowrun's own; SQLite's are of the process, and pass. */
#define FCNTL(name)                                                                                \
    int name(int file, int command, ...)                                                           \
    {                                                                                              \
        va_list rest;                                                                              \
        va_start(rest, command);                                                                   \
        void *argument = va_arg(rest, void *);                                                     \
        va_end(rest);                                                                              \
        if (command == F_OFD_SETLK && judge_file("lock", file, 0) != PASS)                         \
            return -1;                                                                             \
        return REAL(name)(file, command, argument);                                                \
    }

FCNTL(fcntl)
FCNTL(fcntl64)

int mkdir(const char *path, mode_t mode)
{
    return judge_path("mkdir", AT_FDCWD, path) == PASS ? REAL(mkdir)(path, mode) : -1;
}

int mkdirat(int folder, const char *path, mode_t mode)
{
    return judge_path("mkdir", folder, path) == PASS ? REAL(mkdirat)(folder, path, mode) : -1;
}

int unlink(const char *path)
{
    return judge_path("unlink", AT_FDCWD, path) == PASS ? REAL(unlink)(path) : -1;
}

int unlinkat(int folder, const char *path, int flags)
{
    return judge_path("unlink", folder, path) == PASS ? REAL(unlinkat)(folder, path, flags) : -1;
}

int link(const char *from, const char *to)
{
    return judge_path("link", AT_FDCWD, to) == PASS ? REAL(link)(from, to) : -1;
}

int rename(const char *from, const char *to)
{
    return judge_path("rename", AT_FDCWD, to) == PASS ? REAL(rename)(from, to) : -1;
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    if (judge_path("rename", to_folder, to) != PASS)
        return -1;
    return REAL(renameat)(from_folder, from, to_folder, to);
}
