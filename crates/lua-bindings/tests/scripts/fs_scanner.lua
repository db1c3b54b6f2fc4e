--= [one][two][][four]
--= true
--= 	[]
--= [one][two][three]
--= true
--= [a][é][€][�][�][�][x][😀]
--= true
--= false	false	true	nil
--= true	nil	true	late	late
--= [good] Internal could not read: the disk is on fire
--= true	short	true	true	true	last
--= false	true	Invalid	line or word is longer than 1 MiB	false	true
--= false	Invalid
--= false	Invalid
--= true	one	65536	yyyyyyyy	nil
--= 4	true	two	two
--= true	true	true	one
--= false	Invalid	stream is closed	true	false	Invalid
--= true	false	true	false	nil
--= false	stream is closed
--= false	stream is closed
--= false	stream is closed
--= 300
--= 300
--= 100000	true
local fs = require("fs")
local time = require("time")
local vol = fs.get("app:data")

--- The pieces of a file, in brackets, and its scanner.
local function pieces_of(text, mode, name)
    vol:writefile(name or "drip", text)
    local scanner = vol:open(name or "drip"):scanner(mode)
    local found = {}
    while scanner:scan() do
        table.insert(found, "[" .. scanner:text() .. "]")
    end
    local err = scanner:err()
    return table.concat(found) .. (err and " " .. err:kind() .. " " .. err:message() or ""), scanner
end
local function pieces(...)
    return (pieces_of(...))
end
print(pieces("one\ntwo\r\n\nfour", nil))
print(pieces("a\rb\r\r\n", "lines") == "[a\rb\r]")
print(pieces("", "lines"), pieces("\n", "lines"))
print(pieces("  one\ttwo\n\nthree ", "words"))
print(pieces("aé€\0", "bytes") == "[a][\195][\169][\226][\130][\172][\0]")
print(pieces("aé€\255\226\130x\240\159\152\128", "runes"))
print(pieces("ä\n\255\n", "lines") == "[ä][\255]")

-- At its end
local _, scanner = pieces_of("x", "lines")
print(scanner:scan(), scanner:scan(), scanner:text() == "", scanner:err())
vol:writefile("drip", "late")
scanner = vol:open("drip"):scanner()
print(scanner:text() == "", scanner:err(), scanner:scan(), scanner:text(), scanner:text())

-- Errors end it
print(pieces("good\nbad", "lines", "broken"))
local long = string.rep("x", 1048576)
vol:writefile("long", "short\n" .. long .. "\r\nlast\n" .. long .. "x\nlost")
scanner = vol:open("long"):scanner()
print(scanner:scan(), scanner:text(), scanner:scan(), scanner:text() == long, scanner:scan(), scanner:text())
print(scanner:scan(), scanner:text() == "", scanner:err():kind(), scanner:err():message(), scanner:scan(), scanner:err() ~= nil)
vol:writefile("long", long .. "x")
scanner = vol:open("long"):scanner("words")
print(scanner:scan(), scanner:err():kind())
scanner = vol:open("long", "a"):scanner()
print(scanner:scan(), scanner:err():kind())

-- What it has read ahead is its own
vol:writefile("plain", "one\ntwo\n" .. string.rep("y", 65536))
local stream = vol:open("plain")
scanner = stream:scanner()
print(scanner:scan(), scanner:text(), stream:stat().position, stream:read(), stream:read())
print(stream:seek("set", 4), scanner:scan(), scanner:text(), stream:read(3))

-- Closing the stream ends it, whatever it has read ahead
stream = vol:open("plain")
scanner = stream:scanner()
local other = stream:scanner("bytes")
print(scanner:scan(), other:scan(), stream:close(), scanner:text())
print(scanner:scan(), scanner:err():kind(), scanner:err():message(), scanner:text() == "", other:scan(), other:err():kind())
stream = vol:open("drip")
scanner = stream:scanner()
print(scanner:scan(), scanner:scan(), stream:close(), scanner:scan(), scanner:err())

-- One that waits is woken by closing
vol:writefile("never", "")
stream = vol:open("never")
scanner = stream:scanner()
local done = channel.new(3)
for _ = 1, 3 do
    coroutine.spawn(function()
        done:send({ scanner:scan(), tostring(scanner:err()) })
    end)
end
time.sleep("1ms")
stream:close()
for _ = 1, 3 do
    local result = done:receive()
    print(result[1], result[2])
end

-- Coroutines share one: every line comes once and whole
local text = {}
for i = 1, 300 do
    text[i] = string.rep(i, 1 + i % 7)
end
vol:writefile("drip", table.concat(text, "\n"))
scanner = vol:open("drip"):scanner()
local seen, count = {}, 0
for _ = 1, 5 do
    coroutine.spawn(function()
        local last = 0
        while scanner:scan() do
            local line = scanner:text()
            assert(not seen[line], line)
            seen[line] = true
            count += 1
        end
        done:send(true)
    end)
end
for _ = 1, 5 do
    done:receive()
end
for _, line in text do
    assert(seen[line], line)
end
print(count)

-- In generators, which it suspends
local function lines_of(path)
    local scanner = vol:open(path):scanner()
    return coroutine.wrap(function()
        while scanner:scan() do
            coroutine.yield(scanner:text())
        end
    end)
end
count = 0
for line in lines_of("drip") do
    count += 1
    assert(line == text[count])
end
print(count)

-- Lines that are there cost no turn: a coroutine beside it gets one only when more is read
vol:writefile("many", string.rep("line\n", 100000))
local turns, running = 0, true
coroutine.spawn(function()
    while running do
        turns += 1
        coroutine.yield()
    end
end)
scanner = vol:open("many"):scanner()
local turned, lines, before = 0, 0, 0
while scanner:scan() do
    lines += 1
    if turns ~= before then
        turned += 1
        before = turns
    end
end
running = false
print(lines, turned <= 9)
