--= pid.exit
--= error: deadlock: no message can wake this process, which waits at deadlock_fails.lua:7
--@fail_deadlocks
process.spawn_monitored("app:child_acts", "app:processes", "returns_channel")
print(process.events():receive().kind)
local ch = channel.new()
coroutine.wrap(function() pcall(ch.receive, ch) end)()
print("not reached")
