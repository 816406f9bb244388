/* Plain forwarding by IPv4 address: what any switch program is compared with. */
#include "network.h"

/* If set, only packets from and to this address pass: what goes on when a switch fails beside a management network. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __be32);
} only SEC(".maps");

SEC("tc")
int ingress(struct __sk_buff *skb)
{
    if (suffer(skb, skb->ifindex, BPF_F_INGRESS))
        return TC_ACT_SHOT;
    struct ethhdr *ethernet = (void *)(long)skb->data;
    struct iphdr *ip = (void *)(ethernet + 1);
    if ((void *)(ip + 1) > (void *)(long)skb->data_end || ethernet->h_proto != bpf_htons(ETH_P_IP))
        return TC_ACT_SHOT;
    __u32 zero = 0;
    __be32 *passes = bpf_map_lookup_elem(&only, &zero);
    if (passes && *passes && *passes != ip->daddr && *passes != ip->saddr)
        return TC_ACT_SHOT;
    return forward(skb, ip->daddr);
}
