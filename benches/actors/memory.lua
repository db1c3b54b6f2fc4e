-- Resident bytes of this program, as the system counts them.
local function resident()
    local proc = exec.get("process:native"):exec("grep VmRSS: /proc/$PPID/status")
    proc:start()
    local line = proc:stdout_stream():read()
    proc:wait()
    return tonumber(line:match("%d+")) * 1024
end

return function(workload, count)
    local ready = process.listen("ready")
    local before = resident()
    for _ = 1, count do assert(process.spawn("actors:idle", "actors:processes", process.pid())) end
    for _ = 1, count do ready:receive() end
    report.line(workload, nil, (resident() - before) / count, "B/proc")
end
