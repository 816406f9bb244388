"""Zero-knowledge proofs about Paillier ciphertexts, made non-interactive by Fiat-Shamir; verifiers check equations.

All that is proved is about plaintexts modulo N, which a ciphertext determines: no statement is made, and none is
needed, about the randomness of a ciphertext. So an element of small order, -1 above all, changes nothing: it decrypts
to 0.
"""
