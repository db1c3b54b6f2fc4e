--= clock date difftime platform time
--= number	number	2	string	true
--= 1970-01-01 00:00:00	true
--= 1970	false	true	nil
--= false	nil	nil	true
local names = {}
for name in pairs(os) do table.insert(names, name) end
table.sort(names)
print(table.concat(names, " "))
print(type(os.time()), type(os.clock()), os.difftime(5, 3), type(os.platform), #os.platform > 0)
print(os.date("!%Y-%m-%d %H:%M:%S", 0), os.time({ year = 2020, month = 1, day = 2, hour = 12 }) > 1.5e9)
print(os.date("!*t", 0).year, pcall(os.date, "%Ez"), pcall(os.date, "!*t", 1e300))
print(pcall(function() os.exit = 1 end), os.getenv, os.execute, require("os") == os)
