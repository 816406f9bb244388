/* What all our switch programs share: headers, where hosts are, and faults on the wire. */
#ifndef WINDTUNNEL_NETWORK_H
#define WINDTUNNEL_NETWORK_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL"; /* the kernel's helpers ask for it */

/* Behind which port of the switch an IPv4 address is, and its hardware address. */
struct place {
    __u32 port;
    __u8 mac[6];
    __u16 unused;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, __be32);
    __type(value, struct place);
} hosts SEC(".maps");

/* Shares of packets, as parts of 2^32, that are lost or come twice: each as it arrives and again as it leaves. */
struct faults {
    __u32 loss;
    __u32 duplicate;
    __u64 lost;
    __u64 duplicated;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct faults);
} faults SEC(".maps");

static __always_inline struct faults *active_faults(void)
{
    __u32 zero = 0;
    struct faults *active = bpf_map_lookup_elem(&faults, &zero);
    return active && (active->loss | active->duplicate) ? active : 0;
}

/* Whether the packet is lost; it may also be repeated to `port`. Pointers into the packet are void afterwards. */
static __always_inline int suffer(struct __sk_buff *skb, __u32 port, __u64 direction)
{
    struct faults *active = active_faults();
    if (!active)
        return 0;
    if (active->loss && bpf_get_prandom_u32() < active->loss) {
        __sync_fetch_and_add(&active->lost, 1);
        return 1;
    }
    if (active->duplicate && bpf_get_prandom_u32() < active->duplicate) {
        __sync_fetch_and_add(&active->duplicated, 1);
        bpf_clone_redirect(skb, port, direction);
    }
    return 0;
}

static __always_inline int leave(struct __sk_buff *skb, __u32 port)
{
    if (suffer(skb, port, 0))
        return TC_ACT_SHOT;
    return bpf_redirect(port, 0);
}

static __always_inline void copy_mac(__u8 *to, const __u8 *from)
{
    for (int i = 0; i < 6; i++)
        to[i] = from[i];
}

/* To the host that has the packet's destination address. */
static __always_inline int forward(struct __sk_buff *skb, __be32 to)
{
    struct place *place = bpf_map_lookup_elem(&hosts, &to);
    if (!place)
        return TC_ACT_SHOT;
    return leave(skb, place->port);
}

#endif
