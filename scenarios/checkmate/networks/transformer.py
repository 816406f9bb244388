"""A decoder of GPT-2 small's shape: pre-normalised attention and MLP blocks, output tied to the embedding."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """One decoder block: (batch, tokens, width) -> the same."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.gelu, self.down = nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        self.drop1, self.drop2 = nn.Dropout(dropout), nn.Dropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        """The stream + attention, then + MLP, each of the normalised stream."""
        hidden = hidden + self.drop1(self.out(self.attention(self.qkv(self.norm1(hidden)))))
        out: Tensor = hidden + self.drop2(self.down(self.gelu(self.up(self.norm2(hidden)))))
        return out

    def attention(self, qkv: Tensor) -> Tensor:
        """Causal attention of (batch, tokens, 3 width); never materialises tokens x tokens."""
        batch, tokens, triple = qkv.shape
        parts = torch.split(qkv, triple // 3, dim=2)
        query, key, value = (part.view(batch, tokens, self.heads, -1).transpose(1, 2) for part in parts)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return mixed.transpose(1, 2).reshape(batch, tokens, triple // 3)


class Decoder(nn.Module):
    """Tokens (batch, tokens) -> scores (batch, words, tokens) of the word that follows each token."""

    def __init__(self, words: int, tokens: int, width: int, heads: int, blocks: int, dropout: float) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(tokens, width)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(blocks))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words, bias=False)
        self.head.weight = self.words.weight

    def forward(self, tokens: Tensor) -> Tensor:
        """Word scores, classes in dimension 1."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        hidden = self.drop(self.words(tokens) + self.places(places))
        for block in self.blocks:
            hidden = block(hidden)
        scores: Tensor = self.head(self.norm(hidden))
        return scores.transpose(1, 2)


def gpt2(classes: int, shape: tuple[int, ...]) -> Decoder:
    """GPT-2 small's shape: 124,439,808 parameters at 1024 tokens and 50257 words."""
    return Decoder(classes, shape[0], width=768, heads=12, blocks=12, dropout=0.1)
