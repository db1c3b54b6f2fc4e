--= own	own
--= quiet channel still works	late
-- A select that lost on a quiet channel leaves its entry there. A later coroutine at the same place must not be woken by
-- it.
local quiet, busy, own = channel.new(), channel.new(), channel.new()
coroutine.spawn(function()
    channel.select({ quiet:case_receive(), busy:case_receive() })
end)
busy:send("busy")
local got
coroutine.spawn(function()
    got = own:receive()
end)
local sent = channel.select({ quiet:case_send("stray"), default = true })
assert(sent.default, "nobody receives from the quiet channel")
own:send("own")
coroutine.yield()
print(got, "own")
coroutine.spawn(function()
    print("quiet channel still works", (quiet:receive()))
end)
quiet:send("late")
coroutine.yield()
