/* Codes as sentences, and what a thread's last error was about. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "attachment.h"

static _Thread_local char detail[256];

static const char *const texts[] = {
    "all is well",
    "the project gives this peer no right to it",
    "there is nothing of that name",
    "the time passed",
    "an argument is wrong",
    "guestwire-comm does not serve this peer: attach again",
    "somebody else has it, or there are too many requests at once",
    "there is no room",
    "there is no message",
    "it is too long",
    "what lies in shared memory makes no sense: somebody wrote over it",
    "the caller does not hold the lock",
    "the caller has the lock, from a holder that died: check what it guards",
    "this kernel, device or build cannot do that",
    "a system call failed",
    "it is closed, or the other end is gone",
    "there is one of that name, of another kind",
};

const char *gw_error_text(int code) {
    if (code > 0 || code <= -(int)(sizeof texts / sizeof *texts))
        return "no code of guestwire";
    return texts[-code];
}

const char *gw_error_detail(void) { return detail; }

void gwi_forget(void) { *detail = 0; }

int gwi_plainly(int code) {
    gwi_forget();
    return code;
}

int gwi_fail(int code, const char *what, ...) {
    va_list arguments;
    va_start(arguments, what);
    vsnprintf(detail, sizeof detail, what, arguments);
    va_end(arguments);
    return code;
}

int gwi_fail_errno(int code, const char *what, ...) {
    int number = errno;
    va_list arguments;
    size_t length;
    va_start(arguments, what);
    vsnprintf(detail, sizeof detail, what, arguments);
    va_end(arguments);
    length = strlen(detail);
    snprintf(detail + length, sizeof detail - length, ": %s", strerror(number));
    errno = number;
    return code;
}
