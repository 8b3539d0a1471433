/* Frames of the serial channel out of a stream of bytes, which may begin in the middle of one. No system calls. */
#ifndef GWP_FRAMES_H
#define GWP_FRAMES_H

#include "guestwire.h"

#define GWP_FRAMES_BYTES 8192

struct gwp_frames {
    uint8_t bytes[GWP_FRAMES_BYTES];
    size_t have;
    size_t at;     /* of the first byte that was not looked at */
    uint64_t lost; /* bytes that belonged to no frame */
};

/* Room for what comes next: *room bytes at the result. There is always some: a frame that does not fit is none. */
void *gwp_frames_room(struct gwp_frames *f, size_t *room);
/* That many bytes came. */
void gwp_frames_came(struct gwp_frames *f, size_t bytes);
/* The next reply. GW_EMPTY: more bytes are needed. Bytes that are no frame of a reply are skipped. */
int gwp_frames_reply(struct gwp_frames *f, struct gw_reply *reply);

/* The head of a frame. */
struct gw_frame gwp_frame(uint16_t type, uint32_t length);

#endif
