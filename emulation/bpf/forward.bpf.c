/* Plain forwarding by IPv4 address: what any switch program is compared with. */
#include "network.h"

SEC("tc")
int ingress(struct __sk_buff *skb)
{
    if (suffer(skb, skb->ifindex, BPF_F_INGRESS))
        return TC_ACT_SHOT;
    struct ethhdr *ethernet = (void *)(long)skb->data;
    struct iphdr *ip = (void *)(ethernet + 1);
    if ((void *)(ip + 1) > (void *)(long)skb->data_end || ethernet->h_proto != bpf_htons(ETH_P_IP))
        return TC_ACT_SHOT;
    return forward(skb, ip->daddr);
}
