-- Reads what a program writes, to its end.
local function main(bytes, command)
    local start = time.now()
    local proc = exec.get("process:native"):exec(command)
    proc:start()
    local out, count = proc:stdout_stream(), 0
    while true do
        local chunk = out:read()
        if not chunk then break end
        count += #chunk
    end
    assert(count == tonumber(bytes) and proc:wait() == 0)
    return tostring(time.now():sub(start):seconds())
end

return { main = main }
