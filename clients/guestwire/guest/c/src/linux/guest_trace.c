/* The guest's half of the marks in traces: a line in the trace of the kernel that this process runs on, for each request
 * that a service of the host answered. It has the number that the host's mark has too (request=), and the host's clock.
 * Where there is no tracefs, or no right to it, there is no line; no call fails or waits for that. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attachment.h"

#define RAW_ID 0x54445747u /* GWDT: as in the host's binary marks */
#define RAW_PART 2048      /* bytes in one binary mark: kernels take at least 3 KiB */

const char *gwi_tracefs[2] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};

static int opened(const char *folder, const char *file) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    return open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
}

static void open_once(struct gwi_trace *trace) {
    for (size_t n = 0; !trace->tried && trace->marker < 0 && n < sizeof gwi_tracefs / sizeof *gwi_tracefs; n++) {
        trace->marker = opened(gwi_tracefs[n], "trace_marker");
        if (trace->marker >= 0)
            trace->raw = opened(gwi_tracefs[n], "trace_marker_raw");
    }
    trace->tried = true;
}

/* In front of the bytes of each binary mark: the number of the request, which part this is, of how many. */
struct raw_head {
    uint32_t id, request;
    uint16_t part, parts;
};

static void mark_bytes(int fd, uint32_t request, const char *data, size_t length) {
    struct raw_head head = {.id = RAW_ID, .request = request, .parts = (uint16_t)((length + RAW_PART - 1) / RAW_PART)};
    for (; head.part < head.parts; head.part++) {
        size_t at = (size_t)head.part * RAW_PART;
        char part[sizeof head + RAW_PART]; /* in one write: tracefs makes a mark of each piece of a vector */
        size_t bytes = length - at < RAW_PART ? length - at : RAW_PART;
        ssize_t written;
        memcpy(part, &head, sizeof head);
        memcpy(part + sizeof head, data + at, bytes);
        written = write(fd, part, sizeof head + bytes);
        (void)written; /* tracing is switched off */
    }
}

void gwi_trace_mark(gw *g, const char *kind, uint32_t request, uint64_t host_ns, const void *data, size_t length) {
    struct gwi_trace *trace = &g->trace;
    char line[160];
    int bytes = snprintf(line, sizeof line, "guestwire %s request=%u host_ns=%llu", kind, request,
                         (unsigned long long)host_ns);
    if (data != NULL)
        bytes += snprintf(line + bytes, sizeof line - (size_t)bytes, " bytes=%zu", length);
    line[bytes++] = '\n';
    pthread_mutex_lock(&trace->mutex);
    open_once(trace);
    if (trace->marker >= 0) {
        ssize_t written = write(trace->marker, line, (size_t)bytes);
        (void)written;
    }
    if (data != NULL && trace->raw >= 0)
        mark_bytes(trace->raw, request, data, length);
    pthread_mutex_unlock(&trace->mutex);
}

void gwi_trace_close(gw *g) {
    if (g->trace.marker >= 0)
        close(g->trace.marker);
    if (g->trace.raw >= 0)
        close(g->trace.raw);
    pthread_mutex_destroy(&g->trace.mutex);
}
