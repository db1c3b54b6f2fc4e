-- The first thing to try: perilune run examples/hello.lua [NAME]
local name = ... or "moon"

-- Every process has a mailbox of its own. This one sends itself a message and receives it.
process.send(process.pid(), "greeting", "hello, " .. name)
local message = process.inbox():receive()

print(message:payload())
