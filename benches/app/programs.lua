local function native()
    return exec.get("process:native")
end

local acts = {}

function acts.spawn(count)
    for _ = 1, count do
        local proc = native():exec("/bin/true")
        proc:start()
        assert(proc:wait() == 0)
    end
end

function acts.stream(bytes)
    local proc = native():exec("/usr/bin/head -c " .. bytes .. " /dev/zero")
    proc:start()
    local out, count = proc:stdout_stream(), 0
    while true do
        local chunk = out:read()
        if not chunk then break end
        count += #chunk
    end
    assert(count == bytes and proc:wait() == 0)
end

local function main(count, act)
    local start = time.now()
    acts[act](tonumber(count))
    return tostring(time.now():sub(start):seconds())
end

return { main = main }
