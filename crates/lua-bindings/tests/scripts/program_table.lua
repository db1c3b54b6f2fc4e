--= chunk
print("chunk")
return { other = 1 }
