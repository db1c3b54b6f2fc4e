local function main(count)
    local native = exec.get("process:native")
    local start = time.now()
    for _ = 1, tonumber(count) do
        local proc = native:exec("/bin/true")
        proc:start()
        assert(proc:wait() == 0)
    end
    return tostring(time.now():sub(start):seconds())
end

return { main = main }
