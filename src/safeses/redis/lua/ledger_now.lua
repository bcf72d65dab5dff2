-- Returns the time, and the seconds since 1970.
-- needs: time

local now, wall = the_time()
return {text_of(now), text_of(wall)}
