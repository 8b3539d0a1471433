#include "frames.h"

#include <string.h>

#define WHOLE (sizeof(struct gw_frame) + sizeof(struct gw_reply))

struct gw_frame gwp_frame(uint16_t type, uint32_t length) {
    return (struct gw_frame){
        .magic = GW_FRAME_MAGIC, .type = type, .length = length, .check = GW_FRAME_MAGIC ^ type ^ length};
}

void *gwp_frames_room(struct gwp_frames *f, size_t *room) {
    if (f->at > 0) {
        memmove(f->bytes, f->bytes + f->at, f->have - f->at);
        f->have -= f->at;
        f->at = 0;
    }
    if (f->have == sizeof f->bytes) /* the caller took no replies: the oldest bytes go */
        f->have = 0, f->lost += sizeof f->bytes;
    *room = sizeof f->bytes - f->have;
    return f->bytes + f->have;
}

void gwp_frames_came(struct gwp_frames *f, size_t bytes) {
    size_t room = sizeof f->bytes - f->have;
    f->have += bytes < room ? bytes : room;
}

int gwp_frames_reply(struct gwp_frames *f, struct gw_reply *reply) {
    while (f->have - f->at >= WHOLE) {
        struct gw_frame frame;
        memcpy(&frame, f->bytes + f->at, sizeof frame);
        if (frame.magic == GW_FRAME_MAGIC && frame.type == GW_FRAME_REPLY && frame.length == sizeof *reply &&
            frame.check == ((uint32_t)frame.magic ^ frame.type ^ frame.length)) {
            memcpy(reply, f->bytes + f->at + sizeof frame, sizeof *reply);
            f->at += WHOLE;
            return GW_OK;
        }
        f->at += 1;
        f->lost += 1;
    }
    return GW_EMPTY;
}
