-- Notes that an event of mail has arrived.
-- KEYS: the proofs.
-- ARGV: the time, minute, when it was sent, how many minutes to keep.
-- needs: proofs

note_proof(KEYS[1], ARGV[2], ARGV[3], ARGV[4])
return 1
