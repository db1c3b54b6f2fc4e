--= monitor	true	nil
--= unmonitor	true	nil
--= link	true	nil
--= unlink	true	nil
local destination = process.spawn("app:long_worker", "app:processes")
for _, name in { "monitor", "unmonitor", "link", "unlink" } do
    local ok, err = process[name](destination)
    print(name, ok, err)
end
