"""What may be asked of Harmonia (its settings) and what it answers (its metrics)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hardware_models.network.card import NetworkCard
from hardware_models.tofino.card import TofinoCard
from sim.scenario import Config, Metric
from sim.units import Bytes, Quantity, Ratio, Seconds

METRICS = (
    Metric("throughput", "frequency", "higher", "requests answered per second, after the warm-up"),
    Metric("read_rate", "frequency", "higher", "reads among them, per second"),
    Metric("write_rate", "frequency", "higher", "writes among them, per second"),
    Metric("share_of_formula", "ratio", "neither", "throughput over that of the closed form at saturation"),
    Metric("read_latency", "time", "lower", "median time of a read, from client to client"),
    Metric("read_latency_p99", "time", "lower", "99th percentile of the time of a read"),
    Metric("write_latency", "time", "lower", "median time of a write"),
    Metric("write_latency_p99", "time", "lower", "99th percentile of the time of a write"),
    Metric("single", "ratio", "higher", "share of reads that a single replica answered on the switch's word"),
    Metric("dirty", "ratio", "lower", "share of reads whose object had a write pending"),
    Metric(
        "dirty_formula", "ratio", "neither", "the same by the closed form, for the pending time found", label="modelled"
    ),
    Metric("bounced", "ratio", "lower", "share of reads that a replica refused and sent on"),
    Metric("dropped", "ratio", "lower", "share of writes at the switch that found no slot"),
    Metric("pending", "time", "lower", "mean time that a write is in the dirty set"),
    Metric("entries", "1", "neither", "mean number of entries of the dirty set"),
    Metric("refused", "1", "lower", "writes refused by a replica because a later one had come", label="counted"),
    Metric("retried", "1", "lower", "requests that clients sent again", label="counted"),
    Metric("outage", "time", "lower", "longest time without an answer to anybody"),
    Metric("recovered", "ratio", "higher", "throughput after a fail-over, over that before"),
    Metric("resumed", "time", "lower", "from the new switch's first completion to the first single-replica read"),
    Metric("operations", "1", "neither", "requests answered, warm-up included", label="counted"),
    Metric("emulated_throughput", "frequency", "higher", "requests answered per second by real processes", "emulated"),
    Metric("emulated_read_latency", "time", "lower", "median time of a read of real processes", "emulated"),
    Metric("emulated_write_latency", "time", "lower", "median time of a write of real processes", "emulated"),
    Metric("emulated_share_of_formula", "ratio", "neither", "emulated throughput over the closed form's", "emulated"),
    Metric("emulated_single", "ratio", "higher", "share of emulated reads that a single replica answered", "emulated"),
    Metric("emulated_bounced", "ratio", "lower", "share of emulated reads that a replica sent on", "emulated"),
    Metric("emulated_retried", "1", "lower", "emulated requests that were sent again", "emulated"),
    Metric("emulated_outage", "time", "lower", "longest time without an answer in an emulated run", "emulated"),
    Metric("emulated_operations", "1", "neither", "operations of the emulated history that was checked", "emulated"),
    Metric("throughput_error", "ratio", "neither", "simulated throughput over emulated, less one", "emulated"),
    Metric("read_latency_error", "ratio", "neither", "simulated median read time over emulated, less one", "emulated"),
    Metric("write_latency_error", "ratio", "neither", "the same of a write", "emulated"),
    Metric("machine_busy", "ratio", "lower", "share of the machine's cores that was busy", "emulated"),
    Metric("run_busy", "ratio", "lower", "share of the machine's cores that the run's own processes took", "emulated"),
    Metric(
        "bottleneck",
        "1",
        "lower",
        "1 if machine or a process was busy beyond 80 %: no scaling shows",
        "emulated",
    ),
    Metric("round_trip", "time", "lower", "longest median round trip between two hosts before the run", "emulated"),
    Metric("stages", "1", "lower", "match-action stages that the switch program takes", label="modelled"),
    Metric("pipeline", "time", "lower", "time of a packet in the pipeline's stages", label="modelled"),
)

ProtocolName = Literal["primary_backup", "chain", "craq", "vr", "nopaxos"]
Moment = Annotated[float | Literal["never"], Quantity("time", words=("never",))]
Rate = Annotated[float | Literal["closed"], Quantity("frequency", words=("closed",))]


class Faults(BaseModel):
    """What fails, and when, in seconds of simulated time."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    switch_stops: Moment = Field("never", description="the switch loses power and all it knew")
    switch_returns: Seconds = Field(20e-3, ge=0, description="and is back after this long, to be activated anew")
    server_stops: Moment = Field("never", description="a replica stops for good")
    server: int = Field(0, ge=0, description="which one: 0 is head, primary, or first leader")


#: How often the controller renews leases of real processes (seconds).
BEAT = 0.1
#: What is taken for real processes on one machine where nothing is said: they are a thousand times slower than a rack.
FOR_PROCESSES = {
    "objects": 1000,
    "clients": 36,
    "requests": 10_000,
    "dirty_slots": 4096,
    "retry": "1s",
    "lease": "1500ms",
}


class HarmoniaConfig(Config):
    """One question: this protocol, with or without conflict detection in the switch, under this load."""

    hardware: NetworkCard = Field("rack-40g", validate_default=True, description="the rack: links, servers")
    chip: TofinoCard = Field("tofino1", validate_default=True, description="the switch chip")
    backend: Literal["requests", "messages", "mininet"] = Field(
        "requests",
        description="a compiled queueing model, the protocols' own state machines on a simulated network, "
        "or the same between real processes on Mininet",
    )
    data_plane: Literal["kernel", "soft"] = Field(
        "kernel", description="of the backend 'mininet': a program in the kernel, or the pipeline model's in user space"
    )
    protocol: ProtocolName = Field("chain", description="who replicates")
    switch: Literal["plain", "harmonia"] = Field(
        "harmonia",
        description="one that forwards, or one that lets any replica answer reads without conflict",
    )
    replicas: int = Field(3, ge=1, le=64, description="servers that keep the objects")
    writes: Ratio = Field(0.05, ge=0, le=1, description="share of requests that write")
    objects: int = Field(1_000_000, ge=1, description="objects")
    skew: float = Field(0.0, ge=0, description="exponent of Zipf's law of popularity, 0 for uniform")
    clients: int = Field(600, ge=1, description="clients with one request outstanding each")
    offered: Rate = Field("closed", description="requests per second of all clients; or a closed loop")
    requests: int = Field(1_000_000, ge=100, description="requests answered, the first fifth as warm-up")
    value_size: Bytes = Field(128, ge=0, description="bytes of a value")
    dirty_stages: int = Field(3, ge=1, description="stages of the dirty set")
    dirty_slots: int = Field(65536, ge=1, description="slots per stage, a power of two")
    retry: Seconds = Field(2e-3, gt=0, description="after which clients send a request again")
    service: Literal["constant", "exponential"] = Field("constant", description="law of the servers' times")
    lease: Seconds = Field(10e-3, gt=0, description="how long replicas trust a switch without hearing of it")
    faults: Faults = Field(Faults(), description="what fails")

    @classmethod
    def defaults_for(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is not said has values that real processes can bear, if it is for them."""
        if given.get("backend") != "mininet":
            return given
        hardware = given.get("hardware", {})
        return {
            **FOR_PROCESSES,
            **given,
            "hardware": {"card": "mininet"} | hardware if isinstance(hardware, dict) else hardware,
        }

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.detects and self.protocol == "craq":
            raise ValueError("protocol = 'craq' is the rival in software; it needs switch = 'plain'")
        if self.backend == "requests":
            if self.protocol in ("vr", "nopaxos"):
                raise ValueError(f"protocol = '{self.protocol}' needs backend = 'messages'")
            if self.hardware.link.impairments != type(self.hardware.link.impairments)():
                raise ValueError("hardware.link.impairments need backend = 'messages'")
            if self.faults != Faults():
                raise ValueError("faults need backend = 'messages'")
        if self.backend == "mininet" and self.lease <= BEAT:
            raise ValueError(
                f"lease = {self.lease:g} s; with backend = 'mininet' it is renewed every {BEAT:g} s and must be longer"
            )
        if self.protocol in ("vr", "nopaxos") and self.replicas % 2 == 0:
            raise ValueError(f"replicas = {self.replicas}; '{self.protocol}' needs an odd number to tolerate failures")
        if self.faults.server >= self.replicas:
            raise ValueError(f"faults.server = {self.faults.server}; servers are numbered 0 to {self.replicas - 1}")
        return self

    @property
    def detects(self) -> bool:
        """Whether the switch detects conflicts."""
        return self.switch == "harmonia"
