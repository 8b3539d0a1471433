/* Replies out of the serial channel's stream: cut anywhere, behind rubbish, behind the half of a frame that a reboot
 * left. */
#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "portable/frames.h"

#define STREAM 60000

static uint8_t stream[STREAM + 8192];
static size_t length;

static void add(const void *bytes, size_t count) {
    memcpy(stream + length, bytes, count);
    length += count;
}

static void add_reply(uint32_t seq) {
    struct gw_frame frame = gwp_frame(GW_FRAME_REPLY, sizeof(struct gw_reply));
    struct gw_reply reply = {.seq = seq, .code = -(int32_t)(seq % 17), .value = (uint64_t)seq * seq};
    add(&frame, sizeof frame);
    add(&reply, sizeof reply);
}

static void add_rubbish(void) {
    uint8_t rubbish[200];
    struct gw_frame frame = gwp_frame(GW_FRAME_REPLY, sizeof(struct gw_reply));
    size_t count = chance() % sizeof rubbish;
    fill(rubbish, sizeof rubbish);
    switch (chance() % 4) {
    case 0: /* the front of a frame; what follows makes it no frame */
        frame.check ^= (uint32_t)chance() | 1;
        add(&frame, sizeof frame);
        break;
    case 1: /* a frame of another kind */
        frame = gwp_frame(GW_FRAME_REQUEST, (uint32_t)count);
        add(&frame, sizeof frame);
        add(rubbish, count);
        break;
    case 2: /* magic upon magic */
        for (size_t n = 0; n < count / 2; n++)
            add("GW", 2);
        break;
    default:
        add(rubbish, count);
    }
}

/* Every reply comes, in order, however the stream is cut. */
static void whole_replies(bool rubbish) {
    struct gwp_frames *f = calloc(1, sizeof *f);
    struct gw_reply reply;
    uint32_t sent = 0, seen = 0;
    length = 0;
    while (length < STREAM) {
        if (rubbish && chance() % 3 == 0)
            add_rubbish();
        add_reply(++sent);
    }
    for (size_t at = 0; at < length;) {
        size_t room, some;
        void *to = gwp_frames_room(f, &room);
        CHECK(room > 0);
        some = 1 + chance() % (chance() % 2 ? 3 : 3000);
        some = some < room ? some : room;
        some = some < length - at ? some : length - at;
        memcpy(to, stream + at, some);
        gwp_frames_came(f, some);
        at += some;
        while (gwp_frames_reply(f, &reply) == GW_OK) {
            CHECK(reply.seq == ++seen);
            CHECK(reply.value == (uint64_t)seen * seen && reply.code == -(int32_t)(seen % 17));
        }
    }
    CHECK(seen == sent);
    CHECK((f->lost > 0) == rubbish);
    free(f);
}

/* A peer that sends anything costs nothing but its bytes. */
static void only_rubbish(void) {
    struct gwp_frames *f = calloc(1, sizeof *f);
    for (int n = 0; n < 2000; n++) {
        struct gw_reply reply;
        size_t room;
        void *to = gwp_frames_room(f, &room);
        CHECK(room > 0);
        fill(to, room);
        gwp_frames_came(f, n % 7 ? room : SIZE_MAX);
        if (n % 3)
            while (gwp_frames_reply(f, &reply) == GW_OK)
                ;
    }
    free(f);
}

int main(void) {
    for (int n = 0; n < 5; n++) {
        whole_replies(false);
        whole_replies(true);
    }
    only_rubbish();
    return 0;
}
