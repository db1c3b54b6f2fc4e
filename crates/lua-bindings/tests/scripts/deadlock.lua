--= Warn process: deadlock: no message can wake this process, which waits at deadlock.lua:5, deadlock.lua:2, deadlock.lua:3
coroutine.spawn(function() channel.new():send(1) end)
coroutine.spawn(function() channel.select({ channel.new():case_receive() }) end)
coroutine.spawn(function() require("time").sleep("1ms") process.cancel(process.pid(), 30) end)
channel.new():receive()
print("not reached")
