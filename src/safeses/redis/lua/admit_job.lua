-- Admits a mail with a key, unless the data is not that which was there.
-- KEYS and ARGV: those of admit.lua.
-- needs: epoch, admission

return admit()
