/* What the kernel charges for the counters of every interface: one RTM_GETSTATS dump per round, 64-bit link statistics copied out, nothing else.
 * Usage: getstats ROUNDS [PAUSE_MS]   prints: median wall µs, median CPU µs, interfaces, system calls per round. */
#define _GNU_SOURCE
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static double now_us(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}
static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static char buffer[65536];
static struct { unsigned index; unsigned long long counters[8]; } rows[65536];

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 1000, count = 0, calls = 0;
    int pause_ms = argc > 2 ? atoi(argv[2]) : 0;
    struct timespec pause = {pause_ms / 1000, pause_ms % 1000 * 1000000L};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    double *wall = malloc(rounds * sizeof *wall), *cpu = malloc(rounds * sizeof *cpu);
    struct { struct nlmsghdr header; struct if_stats_msg body; } request = {
        .header = {.nlmsg_len = sizeof request, .nlmsg_type = RTM_GETSTATS, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64)},
    };
    for (int round = 0; round < rounds; round++) {
        if (pause_ms) nanosleep(&pause, NULL);
        double w = now_us(CLOCK_MONOTONIC), c = now_us(CLOCK_PROCESS_CPUTIME_ID);
        request.header.nlmsg_seq = round + 1;
        send(fd, &request, sizeof request, 0);
        count = 0, calls = 1;
        for (int done = 0; !done;) {
            int length = recv(fd, buffer, sizeof buffer, 0);
            calls++;
            for (struct nlmsghdr *h = (void *)buffer; NLMSG_OK(h, length); h = NLMSG_NEXT(h, length)) {
                if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR) { done = 1; break; }
                struct if_stats_msg *m = NLMSG_DATA(h);
                rows[count].index = m->ifindex;
                memcpy(rows[count++].counters, RTA_DATA((struct rtattr *)(m + 1)), sizeof rows[0].counters);
            }
        }
        cpu[round] = now_us(CLOCK_PROCESS_CPUTIME_ID) - c;
        wall[round] = now_us(CLOCK_MONOTONIC) - w;
    }
    qsort(wall, rounds, sizeof *wall, ascending);
    qsort(cpu, rounds, sizeof *cpu, ascending);
    printf("%.2f %.2f %d %d\n", wall[rounds / 2], cpu[rounds / 2], count, calls);
    return 0;
}
