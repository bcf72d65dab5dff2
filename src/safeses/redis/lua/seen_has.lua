-- Returns 1 if an event is marked. KEYS: the mark. ARGV: the time.
-- needs: time, seen

return is_marked(KEYS[1], (the_time())) and 1 or 0
