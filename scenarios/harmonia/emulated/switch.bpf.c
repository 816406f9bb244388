/* The switch that all requests and answers pass, in the kernel.
 *
 * DETECTS: 1 is Harmonia's detector, the program of `switch_program` packet for packet: STAGES register arrays of SLOTS
 * slots (a power of two). 0 forwards only. ORDERS: 1 makes it a sequencer as well (`sequencer`): what no single replica
 * may answer gets the next number and goes where writes go. GROUP is the group that is served.
 *
 * A pipeline handles one packet at a time, so one lock is held from the first register to the last. The control plane
 * writes what a Tofino has in constant rows and tables: `constants`, `routes`, `replicas`, `clients`. Packets of op 0 are
 * what nodes and the control plane say to each other, and are forwarded like any other.
 */
#include "network.h"
#include "crc.h" /* generated: GENERATORS of `detector` as byte tables, crc_table[STAGES][256] */

enum op { READ = 1, WRITE, WRITE_COMPLETION, READ_REPLY, WRITE_REPLY };
enum constant { SWITCH_ID, FLOOR, CONSTANTS };
enum route { WRITE_TO, READ_TO, ROUTES };
#define SINGLE 1
#define MOST_TARGETS 16

struct harmonia {
    __u8 op;
    __u8 flags;
    __be16 group;
    __be32 object_id;
    __be16 switch_id;
    __be16 committed_switch;
    __be32 sequence;
    __be32 committed;
    __be32 client;
    __be32 request;
} __attribute__((packed));

struct packet {
    struct ethhdr ethernet;
    struct iphdr ip;
    struct udphdr udp;
    struct harmonia harmonia;
} __attribute__((packed));

struct target {
    __be32 ip;
    __u32 port;
    __be16 udp_port;
    __u8 mac[6];
};

struct route_row {
    __u32 count;
    struct target to[MOST_TARGETS];
};

struct registers {
    struct bpf_spin_lock lock;
    __u32 sequence;
    __u32 committed;
    __u32 refused;   /* completions of another switch, or of a sequence never issued */
    __u32 full;      /* writes that found no slot */
    __u32 exhausted; /* writes that found no sequence */
};

struct slot {
    __u32 object_id;
    __u32 sequence;
};

struct dirty_set {
    struct slot slots[STAGES][SLOTS];
};

#define ARRAY(name, rows, row)                \
    struct {                                  \
        __uint(type, BPF_MAP_TYPE_ARRAY);     \
        __uint(max_entries, rows);            \
        __type(key, __u32);                   \
        __type(value, row);                   \
    } name SEC(".maps")

ARRAY(registers, 1, struct registers);
ARRAY(dirty, 1, struct dirty_set);
ARRAY(constants, CONSTANTS, __u32);
ARRAY(routes, ROUTES, struct route_row);
ARRAY(replicas, 256, struct target);
ARRAY(self, 1, struct target);

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4096);
    __type(key, __u32);
    __type(value, struct target);
} clients SEC(".maps");

static __always_inline __u32 crc(const __u32 *table, __u32 rest, __u32 word)
{
    rest = (rest << 8) ^ table[((rest >> 24) ^ (word >> 24)) & 255];
    rest = (rest << 8) ^ table[((rest >> 24) ^ (word >> 16)) & 255];
    rest = (rest << 8) ^ table[((rest >> 24) ^ (word >> 8)) & 255];
    return (rest << 8) ^ table[((rest >> 24) ^ word) & 255];
}

/* What became of a packet in the registers. */
struct outcome {
    __u32 sequence;  /* the packet's number, 0 if it gets none */
    __u32 committed; /* the last committed point */
    __u32 found;     /* a write found a slot, a read found a pending write */
};

static __always_inline __u32 next(struct registers *state)
{
    return state->sequence != 0xffffffff ? ++state->sequence : 0;
}

static __always_inline struct outcome order(struct registers *state, struct dirty_set *dirty, __u32 op, __u32 object_id,
                                            __u32 completed, int ours, __u32 floor, const __u32 *at)
{
    struct outcome outcome = {};
    int issued = 0;
    bpf_spin_lock(&state->lock);
    if (op == WRITE) {
        outcome.sequence = next(state);
    } else if (op != READ) {
        issued = completed && ours && completed <= state->sequence;
        if (!issued && (op == WRITE_COMPLETION || completed))
            state->refused++;
    }
    if (issued && completed > state->committed)
        state->committed = completed;
    outcome.committed = state->committed;
#pragma unroll
    for (int stage = 0; stage < STAGES; stage++) {
        struct slot *slot = &dirty->slots[stage][at[stage] & (SLOTS - 1)];
        if (op == WRITE) {
            if (outcome.sequence && !outcome.found && (slot->sequence <= floor || slot->object_id == object_id)) {
                slot->object_id = object_id;
                slot->sequence = outcome.sequence;
                outcome.found = 1;
            }
        } else if (op == READ ? !outcome.found : issued) {
            if (slot->sequence <= outcome.committed)
                slot->sequence = 0;
            else if (slot->object_id == object_id)
                outcome.found = 1;
        }
    }
    if (op == WRITE && !outcome.found) {
        if (outcome.sequence)
            state->full++;
        else
            state->exhausted++;
    }
    if (ORDERS && op == READ && (outcome.found || !outcome.committed)) {
        outcome.sequence = next(state);
        state->exhausted += !outcome.sequence;
    }
    bpf_spin_unlock(&state->lock);
    return outcome;
}

/* Without a detector: a number for every request if the switch orders them, nothing else. */
static __always_inline struct outcome count(struct registers *state, __u32 op)
{
    struct outcome outcome = {.found = 1};
    if (ORDERS && (op == READ || op == WRITE)) {
        bpf_spin_lock(&state->lock);
        outcome.sequence = next(state);
        state->exhausted += !outcome.sequence;
        bpf_spin_unlock(&state->lock);
    }
    return outcome;
}

static __always_inline void checksum(struct packet *packet)
{
    __u16 *words = (void *)packet + sizeof(packet->ethernet);
    __u32 sum = 0;
    packet->ip.check = 0;
#pragma unroll
    for (int i = 0; i < 10; i++)
        sum += words[i];
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    packet->ip.check = ~sum;
}

/* The packet now goes from the switch to `target`. */
static __always_inline void address(struct packet *packet, struct target *self, struct target *target)
{
    copy_mac(packet->ethernet.h_source, self->mac);
    copy_mac(packet->ethernet.h_dest, target->mac);
    packet->ip.saddr = self->ip;
    packet->ip.daddr = target->ip;
    packet->udp.source = self->udp_port;
    packet->udp.dest = target->udp_port;
    packet->udp.check = 0; /* none */
    checksum(packet);
}

static __always_inline int to(struct __sk_buff *skb, struct packet *packet, struct target *self, struct target *target)
{
    if (!target || !target->ip)
        return TC_ACT_SHOT;
    address(packet, self, target);
    return leave(skb, target->port);
}

/* To all of a route's targets: copies to all but the last. */
static __always_inline int to_all(struct __sk_buff *skb, struct target *self, struct route_row *route)
{
    for (int i = 0; i < MOST_TARGETS; i++) {
        struct packet *packet = (void *)(long)skb->data;
        if ((void *)(packet + 1) > (void *)(long)skb->data_end || i >= route->count)
            return TC_ACT_SHOT;
        if (i + 1 == route->count)
            return to(skb, packet, self, &route->to[i]);
        address(packet, self, &route->to[i]);
        bpf_clone_redirect(skb, route->to[i].port, 0);
    }
    return TC_ACT_SHOT;
}

static __always_inline int to_one(struct __sk_buff *skb, struct packet *packet, struct target *self,
                                  struct route_row *route, __u32 choice)
{
    __u32 count = route->count;
    if (!count)
        return TC_ACT_SHOT;
    __u32 chosen = choice % count;
    if (chosen >= MOST_TARGETS)
        return TC_ACT_SHOT;
    return to(skb, packet, self, &route->to[chosen]);
}

/* A request goes where writes go, with its number if it has one. */
static __always_inline int ordered(struct __sk_buff *skb, struct packet *packet, struct target *self,
                                   struct route_row *route, __u32 switch_id, __u32 sequence)
{
    if (DETECTS || ORDERS) {
        if (!sequence)
            return TC_ACT_SHOT; /* exhausted */
        packet->harmonia.sequence = bpf_htonl(sequence);
        packet->harmonia.switch_id = bpf_htons(switch_id);
    }
    return to_all(skb, self, route);
}

static __always_inline int switched(struct __sk_buff *skb, struct packet *packet, struct target *self)
{
    struct harmonia *h = &packet->harmonia;
    __u32 zero = 0, key = SWITCH_ID, op = h->op, at[STAGES], client = bpf_ntohl(h->client);
    struct registers *state = bpf_map_lookup_elem(&registers, &zero);
    struct dirty_set *dirty_set = bpf_map_lookup_elem(&dirty, &zero);
    __u32 *switch_id = bpf_map_lookup_elem(&constants, &key);
    key = FLOOR;
    __u32 *floor = bpf_map_lookup_elem(&constants, &key);
    key = op == WRITE || ORDERS ? WRITE_TO : READ_TO;
    struct route_row *route = bpf_map_lookup_elem(&routes, &key);
    if (!state || !dirty_set || !switch_id || !floor || !route)
        return TC_ACT_SHOT;
    if (op < READ || op > WRITE_REPLY || bpf_ntohs(h->group) != GROUP)
        return TC_ACT_SHOT;

    struct outcome outcome = {};
    if (DETECTS && op != READ_REPLY) {
        __u32 object_id = bpf_ntohl(h->object_id);
#pragma unroll
        for (int stage = 0; stage < STAGES; stage++)
            at[stage] = ~crc(crc_table[stage], 0xffffffff, object_id);
        int ours = bpf_ntohs(h->switch_id) == *switch_id;
        outcome = order(state, dirty_set, op, object_id, bpf_ntohl(h->sequence), ours, *floor, at);
    } else if (!DETECTS) {
        outcome = count(state, op);
    }

    if (op == WRITE)
        return outcome.found ? ordered(skb, packet, self, route, *switch_id, outcome.sequence) : TC_ACT_SHOT;
    if (op == READ) {
        if (ORDERS && (outcome.found || !outcome.committed))
            return ordered(skb, packet, self, route, *switch_id, outcome.sequence);
        __u32 choice = ~crc(crc_table[0], crc(crc_table[0], 0xffffffff, client), bpf_ntohl(h->request)) & 255;
        if (outcome.found || !outcome.committed) {
            h->flags &= ~SINGLE;
            return to_one(skb, packet, self, route, choice);
        }
        h->flags |= SINGLE;
        h->committed_switch = bpf_htons(*switch_id);
        h->committed = bpf_htonl(outcome.committed);
        return to(skb, packet, self, bpf_map_lookup_elem(&replicas, &choice));
    }
    if (op == WRITE_COMPLETION)
        return TC_ACT_SHOT; /* absorbed */
    return to(skb, packet, self, bpf_map_lookup_elem(&clients, &client));
}

SEC("tc")
int ingress(struct __sk_buff *skb)
{
    if (suffer(skb, skb->ifindex, BPF_F_INGRESS))
        return TC_ACT_SHOT;
    __u32 zero = 0;
    struct target *self_target = bpf_map_lookup_elem(&self, &zero);
    struct packet *packet = (void *)(long)skb->data;
    void *end = (void *)(long)skb->data_end;
    if ((void *)&packet->udp > end || packet->ethernet.h_proto != bpf_htons(ETH_P_IP) || !self_target)
        return TC_ACT_SHOT;
    if (packet->ip.daddr != self_target->ip)
        return forward(skb, packet->ip.daddr);
    if ((void *)&packet->harmonia > end || packet->ip.protocol != IPPROTO_UDP || packet->ip.ihl != 5 ||
        packet->udp.dest != self_target->udp_port)
        return TC_ACT_SHOT;
    if ((void *)&packet->harmonia + 1 <= end && packet->harmonia.op == 0)
        return forward(skb, packet->ip.daddr);
    if ((void *)(packet + 1) > end)
        return TC_ACT_SHOT;
    return switched(skb, packet, self_target);
}
