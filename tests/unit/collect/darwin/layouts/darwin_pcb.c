/* Where a compiler puts the fields of macOS's lists of sockets: "struct field offset size" a line.
 *
 * Written from the field lists of XNU's bsd/netinet/in_pcb.h, bsd/sys/socketvar.h and bsd/netinet/tcp_var.h (8019 for
 * macOS 12, 8792 to 11417 for 13 to 15), with types of fixed width. Fields that nothing reads are grouped.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#pragma pack(push, 4)
struct xinpgen {
    uint32_t length, count;
    uint64_t generation, socket_generation;
};

#define XSOCKET                                                                                  \
    uint32_t length, kind;                                                                       \
    uint64_t socket;                                                                             \
    int16_t type;                                                                                \
    uint32_t options;                                                                            \
    int16_t linger, state;                                                                       \
    uint64_t pcb;                                                                                \
    int32_t protocol, family;                                                                    \
    int16_t queued, incomplete, limit, timeout;                                                  \
    uint16_t error;                                                                              \
    int32_t group;                                                                               \
    uint32_t out_of_band;                                                                        \
    uint32_t uid;                                                                                \
    int32_t last_pid, effective_pid

struct xsocket_8019 {
    XSOCKET;
};

struct xsocket_8792 {
    XSOCKET;
    uint32_t later[7];
};

struct xsockbuf {
    uint32_t length, kind, used, high, buffers, most_buffers;
    int32_t low;
    int16_t flags, timeout;
};

struct xsockstat {
    uint32_t length, kind;
    struct {
        uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
    } counters[4];
};

struct xinpcb {
    uint32_t length, kind;
    uint64_t identity;
    uint16_t remote_port, local_port;
    uint64_t protocol_block, generation;
    int32_t flags;
    uint32_t flow;
    uint8_t family, time_to_live, protocol;
    uint32_t remote[4], local[4];
    uint8_t service;
    struct {
        uint8_t hop_limit;
        int32_t checksum;
        uint16_t interface;
        int16_t hops;
    } six;
    uint32_t hash, more_flags;
};

struct xtcpcb {
    uint32_t length, kind;
    uint64_t segments;
    int32_t duplicates, timers[4], state;
    uint32_t flags;
    int32_t force;
    uint32_t sequences[10], windows[5], most_sent, received, started;
    int32_t timed;
    uint32_t timed_sequence;
    int32_t timeout;
    uint32_t most;
    int32_t srtt;
    uint32_t later[16];
};
#pragma pack(pop)

#define FIELD(structure, field)                                                                  \
    printf(#structure " " #field " %zu %zu\n", offsetof(struct structure, field),                \
           sizeof(((struct structure *)0)->field))
#define SIZE(structure) printf(#structure " - 0 %zu\n", sizeof(struct structure))
#define ITEM(structure)                                                                          \
    SIZE(structure);                                                                             \
    FIELD(structure, length);                                                                    \
    FIELD(structure, kind)
#define OWNED(structure)                                                                         \
    ITEM(structure);                                                                             \
    FIELD(structure, socket);                                                                    \
    FIELD(structure, uid);                                                                       \
    FIELD(structure, last_pid);                                                                  \
    FIELD(structure, effective_pid)
#define COUNTERS(n)                                                                              \
    FIELD(xsockstat, counters[n].rx_packets);                                                    \
    FIELD(xsockstat, counters[n].rx_bytes);                                                      \
    FIELD(xsockstat, counters[n].tx_packets);                                                    \
    FIELD(xsockstat, counters[n].tx_bytes)

int main(void)
{
    SIZE(xinpgen);
    FIELD(xinpgen, length);
    FIELD(xinpgen, count);

    OWNED(xsocket_8019);
    OWNED(xsocket_8792);

    ITEM(xsockbuf);

    ITEM(xsockstat);
    COUNTERS(0);
    COUNTERS(1);
    COUNTERS(2);
    COUNTERS(3);

    ITEM(xinpcb);
    FIELD(xinpcb, identity);
    FIELD(xinpcb, remote_port);
    FIELD(xinpcb, local_port);
    FIELD(xinpcb, family);
    FIELD(xinpcb, remote);
    FIELD(xinpcb, local);

    ITEM(xtcpcb);
    FIELD(xtcpcb, state);
    FIELD(xtcpcb, srtt);
    return 0;
}
