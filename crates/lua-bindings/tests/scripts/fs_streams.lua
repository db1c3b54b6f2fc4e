--= true	true	true	true	true
--= hel	lo
--= 42	nil	nil
--= true	true
--= 2	Invalid	stream is closed
--= Invalid	Invalid	Invalid	Invalid	Invalid
--= true
--= Invalid	Invalid	NotFound
--= true	0	Jello
--= 42
--= true	0	Jello
--= 42!
--= nil	true	1	bc
--= 3	3	true	true	true
--= false	true
--= good	nil
--= nil	Internal	false	could not read: the disk is on fire
--= nil	Unavailable	true	could not write: no space left
--= true	true	500
--= 200
--= true	stream is closed	stream is closed	stream is closed	true
--= abc	abc	abc
--= normal	false	cannot close normal coroutine
local fs = require("fs")
local time = require("time")
local vol = fs.get("app:data")
local function kind(_, err)
    return err and err:kind()
end

-- Reading and writing
local out = vol:open("a", "w")
print(out:write("hello\n"), out:write(42), out:write(""), out:flush(), out:close())
local stream = vol:open("a")
print(stream:read(3), stream:read(), stream:read(), stream:read(1))
print(stream:close(), stream:close())
print(select("#", stream:read()), kind(stream:read()), select(2, stream:read()):message())
print(kind(stream:write("x")), kind(stream:flush()), kind(stream:seek("set", 0)), kind(stream:stat()), kind(stream:scanner()))
print(string.match(tostring(stream), "^stream: 0x%x+$") ~= nil)

-- Modes
print(kind(vol:open("a", "r"):write("x")), kind(vol:open("a", "a"):read()), kind(vol:open("b", "r+")))
stream = vol:open("a", "r+")
print(stream:write("J"), stream:seek("set", 0), stream:read())
stream = vol:open("a", "a+")
print(stream:write("!"), stream:seek("set", 0), stream:read())
stream = vol:open("a", "w+")
print(stream:read(), stream:write("abc"), stream:seek("set", 1), stream:read())
local info = stream:stat()
print(info.size, info.position, info.readable, info.writable, info.seekable)
info = vol:open("a", "a"):stat()
print(info.readable, info.writable)

-- Errors from outside
vol:open("broken", "w"):write("good")
stream = vol:open("broken")
local data, err = stream:read()
print(data, err)
data, err = stream:read()
print(data, err:kind(), err:retryable(), err:message())
data, err = vol:open("full", "w"):write("x")
print(data, err:kind(), err:retryable(), err:message())

-- Two coroutines read: each byte comes once, and each read gets what is in one piece
vol:writefile("drip", string.rep("abc", 500))
stream = vol:open("drip")
local whole, finished = 0, channel.new(2)
for _ = 1, 2 do
    coroutine.spawn(function()
        for piece in function() return stream:read() end do
            assert(piece == "abc")
            whole += 1
        end
        finished:send(true)
    end)
end
print(finished:receive(), finished:receive(), whole)

-- Two coroutines write: nothing is torn
stream = vol:open("log", "a")
for name = 1, 2 do
    coroutine.spawn(function()
        for _ = 1, 100 do
            stream:write(string.rep(name, 50) .. "\n")
        end
        finished:send(true)
    end)
end
finished:receive()
finished:receive()
local lines = 0
for line in string.gmatch(vol:readfile("log"), "[^\n]+") do
    assert(line == string.rep("1", 50) or line == string.rep("2", 50))
    lines += 1
end
print(lines)

-- Closing wakes whoever reads
vol:writefile("never", "")
stream = vol:open("never")
for _ = 1, 3 do
    coroutine.spawn(function()
        data, err = stream:read()
        finished:send(tostring(err))
    end)
end
coroutine.yield()
time.sleep("1ms")
print(stream:close(), finished:receive(), finished:receive(), finished:receive())

-- Reading is possible wherever waiting is
stream = vol:open("drip")
local generator = coroutine.wrap(function()
    for _ = 1, 3 do
        local ok, piece = pcall(stream.read, stream)
        coroutine.yield(piece)
    end
end)
print(generator(), generator(), generator(), generator())
local held = coroutine.create(function() return vol:open("never"):read() end)
coroutine.spawn(function() coroutine.resume(held) end)
coroutine.yield()
time.sleep("1ms")
print(coroutine.status(held), pcall(coroutine.close, held))
