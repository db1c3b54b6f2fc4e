local SIZE = 1000

local function main(count, host)
    local me = process.pid()
    local members = { assert(process.spawn("bench:hop", host, nil, me)) }
    for i = 2, SIZE do
        members[i] = assert(process.spawn("bench:hop", host, members[i - 1], me))
    end
    process.send(members[1], "next", members[SIZE])
    local done = process.listen("done")
    local start = time.now()
    process.send(members[1], "hop", tonumber(count))
    done:receive()
    local seconds = time.now():sub(start):seconds()
    for _, member in members do
        process.terminate(member)
    end
    return tostring(seconds)
end

return { main = main }
