/* Where a compiler puts the fields of macOS's network structures: "struct field offset size" a line.
 *
 * Written from the field lists of XNU's <net/if_var.h>, <net/if.h>, <net/if_mib.h>, <net/route.h> and <net/if_dl.h>,
 * with types of fixed width so that any 64-bit compiler answers for the Mac's. Fields that nothing reads are grouped.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#pragma pack(push, 4)
struct if_data64 {
    uint8_t type, type_length, physical, address_length, header_length, receive_quota, transmit_quota, unused;
    uint32_t mtu, metric;
    uint64_t baudrate;
    uint64_t rx_packets, rx_errors, tx_packets, tx_errors, collisions;
    uint64_t rx_bytes, tx_bytes, rx_multicasts, tx_multicasts, rx_drops, no_protocol;
    uint32_t receive_timing, transmit_timing;
    int32_t last_change[2];
};

struct if_msghdr2 {
    uint16_t length;
    uint8_t version, type;
    int32_t addresses, flags;
    uint16_t index;
    int32_t queue_length, queue_limit, tx_drops, timer;
    struct if_data64 data;
};

struct ifmibdata {
    char name[16];
    uint32_t promiscuous, flags, queue_length, queue_limit, tx_drops, filler[4];
    struct if_data64 data;
};

struct ifmediareq {
    char name[16];
    int32_t current, mask, status, active, count;
    int32_t *list;
};
#pragma pack(pop)

struct rt_msghdr {
    uint16_t length;
    uint8_t version, type;
    uint16_t index;
    int32_t flags, addresses, pid, sequence, error, use;
    uint32_t inits, metrics[14];
};

struct sockaddr_dl {
    uint8_t length, family;
    uint16_t index;
    uint8_t type, name_length, address_length, selector_length;
    char data[12];
};

#define FIELD(structure, field)                                                                  \
    printf(#structure " " #field " %zu %zu\n", offsetof(struct structure, field),                \
           sizeof(((struct structure *)0)->field))
#define SIZE(structure) printf(#structure " - 0 %zu\n", sizeof(struct structure))

#define IF_DATA(structure)                                                                       \
    FIELD(structure, data.type);                                                                 \
    FIELD(structure, data.mtu);                                                                  \
    FIELD(structure, data.baudrate);                                                             \
    FIELD(structure, data.rx_packets);                                                           \
    FIELD(structure, data.rx_errors);                                                            \
    FIELD(structure, data.tx_packets);                                                           \
    FIELD(structure, data.tx_errors);                                                            \
    FIELD(structure, data.rx_bytes);                                                             \
    FIELD(structure, data.tx_bytes);                                                             \
    FIELD(structure, data.rx_drops)

int main(void)
{
    SIZE(if_data64);

    SIZE(ifmibdata);
    FIELD(ifmibdata, name);
    FIELD(ifmibdata, flags);
    FIELD(ifmibdata, tx_drops);
    IF_DATA(ifmibdata);

    SIZE(if_msghdr2);
    FIELD(if_msghdr2, length);
    FIELD(if_msghdr2, version);
    FIELD(if_msghdr2, type);
    FIELD(if_msghdr2, addresses);
    FIELD(if_msghdr2, flags);
    FIELD(if_msghdr2, index);
    FIELD(if_msghdr2, tx_drops);
    IF_DATA(if_msghdr2);

    SIZE(rt_msghdr);
    FIELD(rt_msghdr, length);
    FIELD(rt_msghdr, version);
    FIELD(rt_msghdr, type);
    FIELD(rt_msghdr, index);
    FIELD(rt_msghdr, flags);
    FIELD(rt_msghdr, addresses);

    FIELD(sockaddr_dl, length);
    FIELD(sockaddr_dl, family);
    FIELD(sockaddr_dl, name_length);
    FIELD(sockaddr_dl, data);

    SIZE(ifmediareq);
    FIELD(ifmediareq, current);
    FIELD(ifmediareq, status);
    return 0;
}
