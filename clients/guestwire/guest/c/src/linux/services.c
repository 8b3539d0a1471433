/* The services of the host. Texts and marks need a way with room for them: a guest at the doorbell takes the serial
 * channel for each of these calls, and gives it back. */
#include <string.h>

#include "attachment.h"

static int ask(gw *g, uint16_t op, uint16_t flags, uint64_t value, struct gw_reply *reply) {
    struct gw_request request = {.op = op, .flags = flags, .value = value};
    int code = gwi_call(g, &request, NULL, 0, reply, NULL);
    if (code == GW_OK && (op == GW_OP_PING || op == GW_OP_FLUSH))
        gwi_trace_mark(g, op == GW_OP_PING ? "ping" : "flush", request.seq, reply->at_ns, NULL, 0);
    return code;
}

int gw_ready(gw *g) {
    struct gw_reply reply;
    gwi_forget();
    return ask(g, GW_OP_READY, 0, 0, &reply);
}

int gw_available(gw *g, uint32_t service, int *yes) {
    struct gw_reply reply;
    int code;
    gwi_forget();
    if (yes == NULL)
        return GW_INVALID;
    code = ask(g, GW_OP_AVAILABLE, 0, service, &reply);
    *yes = code == GW_OK && reply.value != 0;
    return code;
}

int gw_ping(gw *g, uint64_t cookie, uint64_t *host_ns) {
    struct gw_reply reply;
    int code;
    gwi_forget();
    code = ask(g, GW_OP_PING, 0, cookie, &reply);
    if (code == GW_OK && reply.value != cookie)
        return gwi_fail(GW_CORRUPT, "the cookie came back as another");
    if (code == GW_OK && host_ns != NULL)
        *host_ns = reply.at_ns;
    return code;
}

int gw_flush(gw *g, uint32_t scope) {
    struct gw_reply reply;
    gwi_forget();
    return scope > 2 ? GW_INVALID : ask(g, GW_OP_FLUSH, 0, scope, &reply);
}

static int send_by_serial(struct gw_request *request, const void *data, size_t length, struct gw_reply *reply) {
    gw *serial = NULL;
    int code = gwi_open_way("serial", &serial);
    if (code == GW_OK)
        code = gwi_call(serial, request, data, length, reply, NULL);
    gwi_close(serial);
    return code;
}

static int send_payload(gw *g, uint16_t op, uint32_t flags, const void *data, size_t length, struct gw_reply *reply) {
    struct gw_request request = {.op = op, .flags = (uint16_t)flags};
    int code = gwi_usable(g);
    if (code != GW_OK)
        return code;
    if (data == NULL && length > 0)
        return GW_INVALID;
    if (length > GW_PAYLOAD_MAX)
        return gwi_fail(GW_TOO_LARGE, "%zu bytes: at most %d", length, GW_PAYLOAD_MAX);
    if (strcmp(g->way->name, "doorbell") == 0)
        code = send_by_serial(&request, data, length, reply);
    else
        code = gwi_call(g, &request, data, length, reply, NULL);
    if (code == GW_OK)
        gwi_trace_mark(g, op == GW_OP_LOG ? "log" : "data", request.seq, reply->at_ns, op == GW_OP_DATA ? data : NULL,
                       length);
    return code;
}

int gw_log(gw *g, uint32_t level, const char *text, size_t length, int *truncated) {
    struct gw_reply reply = {0};
    int code;
    gwi_forget();
    code = level > 4 ? GW_INVALID : send_payload(g, GW_OP_LOG, level, text, length, &reply);
    if (code == GW_OK && truncated != NULL)
        *truncated = reply.value != 0;
    return code;
}

int gw_data(gw *g, const void *data, size_t length) {
    struct gw_reply reply;
    gwi_forget();
    return send_payload(g, GW_OP_DATA, 0, data, length, &reply);
}
