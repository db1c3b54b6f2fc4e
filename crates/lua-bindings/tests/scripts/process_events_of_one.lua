--= nothing	6	at from kind result	pid.exit nil nil nil nil	true	true	true
--= fails	6	at error from kind result	pid.exit nil went wrong went wrong Internal/went wrong	true	true	true
--= value	6	at from kind result	pid.exit table nil table nil	true	true	true
--= terminate	6	at error from kind result	pid.exit nil process terminated process terminated Canceled/process terminated	true	true	true
--= both	12	true
-- Many learn of one end. What each of them is told is its own.
local WATCHERS = 6
local ready, seen = process.listen("ready"), process.listen("seen")
local function spawn(...)
    return assert(process.spawn(...))
end
local function watch(...)
    for _ = 1, WATCHERS do spawn("app:child_watches", "app:processes", process.pid(), ...) end
    for _ = 1, WATCHERS do ready:receive() end
end
local function finish(target, how)
    if how == "terminate" then process.terminate(target) else process.send(target, "how", how) end
end
for _, how in { "nothing", "fails", "value", "terminate" } do
    local target = spawn("app:child_ends_when_told", "app:processes")
    watch(target)
    finish(target, how)
    local count, from, plain, times, first = 0, true, true, true, nil
    for _ = 1, WATCHERS do
        local s = seen:receive()
        -- A table prints as where it is.
        s.text = s.text:gsub("table: 0x%x+", "table")
        first = first or s
        assert(s.text == first.text and s.keys == first.keys, s.text)
        count += 1
        from, plain, times = from and s.from == target, plain and s.plain, times and s.at > 1e9
    end
    print(how, count, first.keys, first.text, from, plain, times)
end
-- Two ends in turn, and again two that differ in nothing but who has ended.
local texts = {}
for _ = 1, 2 do
    local one, two = spawn("app:child_ends_when_told", "app:processes"), spawn("app:child_ends_when_told", "app:processes")
    watch(one, two)
    process.send(one, "how", "nothing")
    process.send(two, "how", "nothing")
    for _ = 1, 2 * WATCHERS do
        local s = seen:receive()
        assert(s.from == one or s.from == two)
        texts[s.from] = (texts[s.from] or 0) + 1
    end
end
local count = 0
for _, times in texts do
    assert(times == WATCHERS)
    count += times
end
print("both", count // 2, count == 4 * WATCHERS)
